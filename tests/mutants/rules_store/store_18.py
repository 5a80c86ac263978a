"""Mutants of STORE-18."""

from __future__ import annotations

from mutants.rules_store.support import Seam
from pmcp_storage import (
    VersionedRecord,
)


class NobodyIsSomebody(Seam):
    """breaks STORE-18: anonymous owners are refused where they write and served where they read."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if owner_id in ("", "local"):
            return self.below.get("local", task_id)
        return super().get(owner_id, task_id)


class ReadsBeforeItRefuses(Seam):
    """breaks STORE-18: "" and "local" are refused after the task has been read."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if owner_id == "local":
            self.below.list_by_owner(owner_id, limit=1)
        return super().get(owner_id, task_id)
