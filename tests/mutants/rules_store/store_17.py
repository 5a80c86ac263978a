"""Mutants of STORE-17."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    TaskRecord,
    VersionedRecord,
)


class ListsTheExpired(Seam):
    """breaks STORE-17: a listing shows what the storage has not removed yet."""

    def list(self, owner_id: str, **options: Any) -> Any:
        page = super().list(owner_id, **options)
        held = self.below.list_by_owner(owner_id)
        return type(page)(held, page.next_cursor) if not options and held else page


class ExpiredIdsAreTaken(Seam):
    """breaks STORE-17: an id stays taken until the storage has removed its expired task."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _replace_expired(self, record: TaskRecord) -> VersionedRecord | None:
            return None


class ExpiredIdsAreDeletedFirst(Seam):
    """breaks STORE-17: an expired task is deleted and the new one created; who does so at the same
    time has just created the one that is deleted.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _replace_expired(self, record: TaskRecord) -> VersionedRecord | None:
            key = (record.owner_id, record.task_id)
            if not (await self._backend.get(*key)).record.is_expired(datetime.now(UTC)):
                return None
            await self._backend.delete(*key)
            return VersionedRecord(record, await self._backend.create(record))


class ExpiredIdsAreOverwritten(Seam):
    """breaks STORE-17: the new task is written over whatever is there by now, not only over the
    expired one that was read.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _replace_expired(self, record: TaskRecord) -> VersionedRecord | None:
            found = await self._backend.get(record.owner_id, record.task_id)
            if not found.record.is_expired(datetime.now(UTC)):
                return None
            return VersionedRecord(record, await self._backend.put(record))


class ReusedIdsInherit(Seam):
    """breaks STORE-17: a task under the id of an expired one still has its result."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _replace_expired(self, record: TaskRecord) -> VersionedRecord | None:
            held = await self._backend.get(record.owner_id, record.task_id)
            old = {"result": held.record.result}
            return await super()._replace_expired(record.model_copy(update=old))
