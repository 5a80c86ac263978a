"""Mutants of KEY-1."""

from __future__ import annotations

from mutants.base import (
    CollatedStorage,
)
from pmcp_storage.backends.memory import Key


class KeysByTask(CollatedStorage):
    """breaks KEY-1: the primary key is the task_id alone, so a second owner cannot use it."""

    def folded(self, key: Key) -> Key:
        return "", key[1]
