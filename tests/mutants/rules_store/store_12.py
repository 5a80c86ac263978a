"""Mutants of STORE-12."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    NoResultError,
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
