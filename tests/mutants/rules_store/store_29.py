"""Mutants of STORE-29."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mutants.rules_store.support import Seam, Swapping
from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    NotFoundError,
    StorageError,
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

    class rules(Swapping):  # noqa: N801
        async def swap(self, found: VersionedRecord, record: TaskRecord) -> int:
            try:
                return await super().swap(found, record)
            except NotFoundError:
                return await self._backend.create(record)


class CurrentTaskInAnAttribute(Seam):
    """breaks STORE-29: the task of a call is kept in the store while it is read, and what another
    thread has put there meanwhile is written.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _change(
            self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
        ) -> VersionedRecord:
            self.current = task_id
            found = await self._read(self._owner(owner_id), task_id)
            record = decide(found.record)
            task = record.task.model_copy(update={"task_id": self.current})
            record = record.model_copy(update={"task": task})
            version = await self._backend.put_if_version(record, found.version)
            return VersionedRecord(record, version)


class RereadsTheVersion(Seam):
    """breaks STORE-29: the version is read once more right before the write, which therefore never
    conflicts, and what somebody else changed since the first read is lost.
    """

    class rules(Swapping):  # noqa: N801
        async def swap(self, found: VersionedRecord, record: TaskRecord) -> int:
            current = await self._backend.get(record.owner_id, record.task_id)
            return await super().swap(current, record)


class VersionInAnAttribute(Seam):
    """breaks STORE-29: the version of a task that the store has seen last is kept in the store, and
    a change that began before another one is written at the version which that one has made.
    """

    class rules(Swapping):  # noqa: N801
        async def _read(self, owner_id: str, task_id: str) -> VersionedRecord:
            found = await super()._read(owner_id, task_id)
            self.version = found.version
            return found

        async def swap(self, found: VersionedRecord, record: TaskRecord) -> int:
            self.version = await super().swap(VersionedRecord(record, self.version), record)
            return self.version


class AnswersBeforeTheWrite(AsyncTaskStore):
    """breaks STORE-29: a change is written by a task of the event loop for which nobody waits, and
    whose conflict nobody hears of.
    """

    async def _change(
        self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
    ) -> VersionedRecord:
        found = await self._read(self._owner(owner_id), task_id)
        record = decide(found.record)
        self._writing = asyncio.ensure_future(self._write(record, found.version))
        return VersionedRecord(record, found.version + 1)

    async def _write(self, record: TaskRecord, version: int) -> None:
        with suppress(StorageError):
            await self._backend.put_if_version(record, version)
