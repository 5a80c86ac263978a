"""Mutants of STORE-24."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    VersionedRecord,
)


class ReadsBackWhatItWrote(Seam):
    """breaks STORE-24: each change is read back, which is one request more than it needs."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        super().cancel(owner_id, task_id)
        return self.get(owner_id, task_id)


class CountsWithoutAQuota(Seam):
    """breaks STORE-24: create counts the owner's tasks even where nothing limits them."""

    def create(self, owner_id: str, *args: Any, **kwargs: Any) -> VersionedRecord:
        self.below.count_by_owner(owner_id)
        return super().create(owner_id, *args, **kwargs)


class MessagesFollowTheStatus(Seam):
    """breaks STORE-24: the message of a new status is written after it: a question that waits for
    input is without its text in between.
    """

    def update_status(
        self, owner: str, task: str, status: Any, message: str | None = None
    ) -> VersionedRecord:
        changed = super().update_status(owner, task, status)
        return changed if message is None else self.touch(changed, status_message=message)
