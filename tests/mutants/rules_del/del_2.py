"""Mutants of DEL-2."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
)
from pmcp_storage.backends.memory import Key


class DeleteAlwaysSaysTrue(InMemoryBackend):
    """breaks DEL-2: deleting an absent key returns True, as DeleteItem does not say what it
    found.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        super()._delete(owner_id, task_id)
        return True


class SecondDeleteIsNotFound(InMemoryBackend):
    """breaks DEL-2: deleting an absent key raises NotFoundError, as HTTP interfaces do."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if not super()._delete(owner_id, task_id):
            raise NotFoundError(owner_id, task_id)
        return True


class SecondDeleteFindsTheTombstone(Seamed):
    """breaks DEL-2: the second delete finds the tombstone of the first and returns True."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._tombstones: set[Key] = set()

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = super()._delete(owner_id, task_id)
        if found:
            self._tombstones.add((owner_id, task_id))
            return True
        if (owner_id, task_id) in self._tombstones:
            self._tombstones.remove((owner_id, task_id))
            return True
        return False
