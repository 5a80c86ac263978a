"""Mutants of STORE-8."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    TaskStatus,
    VersionedRecord,
)


class MessagesAreCleared(Seam):
    """breaks STORE-8: a change of status without a message removes the old one."""

    def update_status(
        self, owner: str, task: str, status: Any, message: str | None = None
    ) -> VersionedRecord:
        changed = super().update_status(owner, task, status, message)
        return changed if message is not None else self.touch(changed, status_message=None)


class EmptyMessagesAreNone(Seam):
    """breaks STORE-8: `if message:` keeps the old message where the new one is empty."""

    def update_status(
        self, owner: str, task: str, status: Any, message: str | None = None
    ) -> VersionedRecord:
        return super().update_status(owner, task, status, message or None)


class CompletionClearsTheMessage(Seam):
    """breaks STORE-8: complete_with_result without a message empties the old one."""

    def complete_with_result(self, *args: Any, message: Any = None) -> VersionedRecord:
        given = args if len(args) > 4 else (*args, message or "")
        return super().complete_with_result(*given)


class FailuresHaveAStandardMessage(Seam):
    """breaks STORE-8: a task that fails without a message says "failed" from then on, and what it
    had to say before is lost.
    """

    def update_status(
        self, owner: str, task: str, status: Any, message: str | None = None
    ) -> VersionedRecord:
        if message is None and status is TaskStatus.FAILED:
            message = "failed"
        return super().update_status(owner, task, status, message)
