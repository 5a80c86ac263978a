"""Mutants of STORE-16."""

from __future__ import annotations

from datetime import UTC, datetime

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    NotFoundError,
    TaskNotFoundError,
    VersionedRecord,
)


class TellsThatATaskExists(Seam):
    """breaks STORE-16: an expired task can be told from one that never existed."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super().get(owner_id, task_id)
        except TaskNotFoundError as error:
            held = self.below.list_by_owner(owner_id)
            if any(entry.record.task_id == task_id for entry in held):
                raise TaskNotFoundError(owner_id, f"{task_id} (expired)") from error.__cause__
            raise


class AsksAboutTheExpiredTwice(Seam):
    """breaks STORE-16: an expired task is removed when it is found: one request more than for
    one that never existed, which shows in the time it takes.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _read(self, owner_id: str, task_id: str) -> VersionedRecord:
            found = await self._backend.get(owner_id, task_id)
            if found.record.is_expired(datetime.now(UTC)):
                await self._backend.delete(owner_id, task_id)
                raise NotFoundError(owner_id, task_id)
            return found


class OwnersAreFolded(Seam):
    """breaks STORE-16: owners are compared in lower case, as e-mail addresses often are: who
    registers as Alice reads the tasks of alice.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        def _owner(self, owner_id: str) -> str:
            return super()._owner(owner_id.lower())
