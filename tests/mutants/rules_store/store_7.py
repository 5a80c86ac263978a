"""Mutants of STORE-7."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    InvalidTransitionError,
    TaskStatus,
    VersionedRecord,
)


class WaitingCannotFail(Seam):
    """breaks STORE-7: the state machine forgot that a task can fail while it waits for input."""

    def update_status(self, owner: str, task: str, status: Any, *rest: Any) -> VersionedRecord:
        before = self.get(owner, task).record.status
        if (before, status) == (TaskStatus.INPUT_REQUIRED, TaskStatus.FAILED):
            raise InvalidTransitionError(task, before, status, ())
        return super().update_status(owner, task, status, *rest)


class CancelIsIdempotent(Seam):
    """breaks STORE-7: cancel of a task that has been cancelled succeeds and changes nothing."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.get(owner_id, task_id)
        if found.record.status is TaskStatus.CANCELLED:
            return found
        return super().cancel(owner_id, task_id)
