"""Mutants of STORE-8."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
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
