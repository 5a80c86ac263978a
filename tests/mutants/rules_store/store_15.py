"""Mutants of STORE-15."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
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
