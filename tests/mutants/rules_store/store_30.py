"""Mutants of STORE-30."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import sleep

from mutants.rules_store.support import Seam, Swapping
from pmcp_storage import (
    AsyncTaskStore,
    InMemoryBackend,
    TaskRecord,
    VersionedRecord,
)


class WritesBlindly(Seam):
    """breaks STORE-30: a change is written whatever is stored meanwhile: read, modify, put."""

    class rules(Swapping):  # noqa: N801
        async def swap(self, found: VersionedRecord, record: TaskRecord) -> int:
            return await self._backend.put(record)


class SwapsInTwoSteps(InMemoryBackend):
    """breaks STORE-30: put_if_version compares first and writes afterwards; of many that compare
    at the same time all write.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self._storage.lock:
            row = self._storage.rows.get((record.owner_id, record.task_id))
        if row is not None and row.version == expected_version:
            sleep(0.001)  # long enough for another thread to compare
            return self._put(record)
        return super()._put_if_version(record, expected_version)


class ChangeInAnAttribute(AsyncTaskStore):
    """breaks STORE-30: the change that is under way is kept in the store while it waits for a hook
    before the write, and the one that another call has put there is written in its place.
    """

    async def _change(
        self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
    ) -> VersionedRecord:
        found = await self._read(self._owner(owner_id), task_id)
        self.changed = decide(found.record)
        await self.before_write()
        version = await self._backend.put_if_version(self.changed, found.version)
        return VersionedRecord(self.changed, version)

    async def before_write(self) -> None:
        """For subclasses."""
        await asyncio.sleep(0)
