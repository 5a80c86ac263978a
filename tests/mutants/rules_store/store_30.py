"""Mutants of STORE-30."""

from __future__ import annotations

from time import sleep

from mutants.rules_store.support import Seam, Swapping
from pmcp_storage import (
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
