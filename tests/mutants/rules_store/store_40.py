"""Mutants of STORE-40."""

from __future__ import annotations

from time import sleep
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import InMemoryBackend, TaskRecord, VersionedRecord
from pmcp_storage.store.change import Decide


class ClaimsInTwoSteps(Seam):
    """breaks STORE-40: the decision is made on one reading, and its change on the next, so that all
    who have seen the task free claim it, one over the other.
    """

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        wanted = decide(self.get(owner_id, task_id).record)
        return super().change(owner_id, task_id, lambda _: wanted, **known)


class ComparesBeforeItWrites(InMemoryBackend):
    """breaks STORE-40: put_if_version compares first and writes afterwards; of many that compare
    at the same time all write, and each is told that it was the one.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self._storage.lock:
            row = self._storage.rows.get((record.owner_id, record.task_id))
        if row is not None and row.version == expected_version:
            sleep(0.001)  # long enough for another thread to compare
            self._put(record)
            return expected_version + 1
        return super()._put_if_version(record, expected_version)


class RefusalsLookLikeSuccess(Seam):
    """breaks STORE-40: whoever comes too late is answered with the task as it would have been."""

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        found = self.get(owner_id, task_id)
        made = super().change(owner_id, task_id, decide, known=found)
        wanted = decide(found.record)
        if wanted is None or made.record.variables == found.record.variables:
            return made
        variables = {**found.record.variables, **wanted.variables}
        return VersionedRecord(
            made.record.model_copy(update={"variables": variables}), made.version
        )
