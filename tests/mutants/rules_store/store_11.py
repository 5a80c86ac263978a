"""Mutants of STORE-11."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    TaskStatus,
    VersionedRecord,
)


class CompletesInTwoWrites(Seam):
    """breaks STORE-11: the status is written first and the result after it: a reader in between
    finds a task that has completed without a result.
    """

    def complete_with_result(
        self, owner: str, task: str, status: Any, result: Any, message: str | None = None
    ) -> VersionedRecord:
        return self.rewrite(self.update_status(owner, task, status, message), result=result)


class CompletesWithAnyStatus(Seam):
    """breaks STORE-11: complete_with_result accepts statuses that are not final."""

    def complete_with_result(
        self, owner: str, task: str, status: Any, result: Any, message: str | None = None
    ) -> VersionedRecord:
        if status == TaskStatus.INPUT_REQUIRED:
            return self.rewrite(self.update_status(owner, task, status, message), result=result)
        return super().complete_with_result(owner, task, status, result, message)
