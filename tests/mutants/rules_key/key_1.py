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


class KeysAreUnordered(CollatedStorage):
    """breaks KEY-1: the hashes of owner and task are combined by XOR, which does not say which is
    which.
    """

    def folded(self, key: Key) -> Key:
        one, two = sorted(key)
        return one, two
