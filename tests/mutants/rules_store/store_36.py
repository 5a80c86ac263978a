"""Mutants of STORE-36."""

from __future__ import annotations

from mutants.rules_store.support import Seam
from pmcp_storage import InMemoryBackend


class CleanupTakesTheEnded(Seam):
    """breaks STORE-36: cleaning up removes tasks that have ended as well, before their results have
    been fetched.
    """

    def cleanup_expired(self) -> int:
        removed = super().cleanup_expired()
        if isinstance(self.below, InMemoryBackend):
            for owner_id, task_id in list(self.below._storage.rows):
                if self.get(owner_id, task_id).record.status.is_terminal:
                    removed += self.delete(owner_id, task_id)
        return removed


class CleanupsKeepTheCount(Seam):
    """breaks STORE-36: cleaning up does not say how many tasks it has removed."""

    def cleanup_expired(self) -> int:
        super().cleanup_expired()
        return 0
