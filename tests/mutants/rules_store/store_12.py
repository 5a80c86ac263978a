"""Mutants of STORE-12."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Altering, Seam
from pmcp_storage import (
    AsyncTaskStore,
    NoResultError,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)


class FalsyResultsAreNone(Seam):
    """breaks STORE-12: `if not result` takes 0, false and empty values for no result."""

    def get_result(self, owner_id: str, task_id: str) -> Any:
        result = super().get_result(owner_id, task_id)
        if not result:
            raise NoResultError(task_id, self.get(owner_id, task_id).record.status)
        return result


class ResultsComeEarly(Seam):
    """breaks STORE-12: a result can be fetched before the task has ended, and change afterwards."""

    def get_result(self, owner_id: str, task_id: str) -> Any:
        found = self.get(owner_id, task_id).record
        return found.result if found.result is not None else super().get_result(owner_id, task_id)


class NoneKeepsTheResult(Seam):
    """breaks STORE-12: a result of None leaves the earlier one, as `if result is not None` and
    COALESCE do: what was withdrawn is still delivered.
    """

    class rules(Altering):  # noqa: N801
        def altered(self, before: TaskRecord, after: TaskRecord) -> TaskRecord:
            kept = before.result if after.result is None else after.result
            return after.model_copy(update={"result": kept})


class FailuresHaveNoResult(Seam):
    """breaks STORE-12: only what has completed has a result; the details of a failure, which are
    one as well, cannot be fetched.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def _read(self, owner_id: str, task_id: str) -> VersionedRecord:
            found = await super()._read(owner_id, task_id)
            if self.getting_result and found.record.status is TaskStatus.FAILED:
                raise NoResultError(task_id, TaskStatus.FAILED)
            return found

        getting_result = False

        async def get_result(self, owner_id: str, task_id: str) -> Any:
            self.getting_result = True
            try:
                return await super().get_result(owner_id, task_id)
            finally:
                self.getting_result = False


class FalsyResultsAreNotStored(Seam):
    """breaks STORE-12: complete_with_result stores `result or None`, and 0 is no result."""

    def complete_with_result(
        self, owner: str, task: str, status: Any, result: Any, message: str | None = None
    ) -> VersionedRecord:
        return super().complete_with_result(owner, task, status, result or None, message)
