"""Mutants of STORE-15."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    TaskRecord,
    VersionedRecord,
)


class ResultsAreNoUpdate(Seam):
    """breaks STORE-15: set_result leaves last_updated_at, so that pollers see no change."""

    def set_result(self, owner: str, task: str, result: Any) -> VersionedRecord:
        before = self.get(owner, task).record.task.last_updated_at
        return self.touch(super().set_result(owner, task, result), last_updated_at=before)


class TimeGoesBack(Seam):
    """breaks STORE-15: last_updated_at is the clock's time, even when that was set back."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        return self.touch(super().cancel(owner_id, task_id), last_updated_at=datetime.now(UTC))


class EqualWritesAreLeftOut(Seam):
    """breaks STORE-15: a change that sets what is set already is not written, to save a request: a
    worker that reports the same progress again looks dead.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _change(
            self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
        ) -> VersionedRecord:
            found = await self._read(self._owner(owner_id), task_id)
            record = decide(found.record)
            then = {"last_updated_at": found.record.task.last_updated_at}
            task = record.task.model_copy(update=then)
            if record.model_copy(update={"task": task}) == found.record:
                return found
            version = await self._backend.put_if_version(record, found.version)
            return VersionedRecord(record, version)
