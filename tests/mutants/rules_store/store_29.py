"""Mutants of STORE-29."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    NotFoundError,
    TaskConflictError,
    TaskRecord,
    VersionedRecord,
)


class RetriesConflicts(Seam):
    """breaks STORE-29: a conflict is retried unasked, though the caller decided on another
    state.
    """

    def set_variables(self, *args: Any) -> VersionedRecord:
        return _again(lambda: GenericTaskStore.set_variables(self, *args))


def _again(call: Callable[[], VersionedRecord]) -> VersionedRecord:
    try:
        return call()
    except TaskConflictError:
        return call()


class BringsBackTheDeleted(Seam):
    """breaks STORE-29: a change of a task that was deleted meanwhile creates it again."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _change(
            self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
        ) -> VersionedRecord:
            found = await self._read(self._owner(owner_id), task_id)
            record = decide(found.record)
            try:
                version = await self._backend.put_if_version(record, found.version)
            except NotFoundError:
                version = await self._backend.create(record)
            return VersionedRecord(record, version)
