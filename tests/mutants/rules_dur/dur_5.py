"""Mutants of DUR-5."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from mutants.files import FileStorage
from mutants.rules_dur.support import DurableTarget
from pmcp_storage import (
    InMemoryBackend,
)
from pmcp_storage.backends.memory import Key, Row


class Indexed(FileStorage):
    """An index of its own for listings."""

    def entry(self, key: Key) -> Path:
        return self.rows.path(key).with_suffix(".entry")  # type: ignore[no-any-return]

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        self.entry(key).write_text(json.dumps(key))

    def remove(self, key: Key) -> bool:
        found = super().remove(key)
        self.entry(key).unlink(missing_ok=True)
        return found

    def indexed(self, owner_id: str) -> list[Key]:
        paths = self.rows.path((owner_id, "")).parent.glob("*.entry")
        return sorted((tuple(json.loads(path.read_text())) for path in paths), reverse=True)


class CountsTheIndex(InMemoryBackend):
    """Counts what the index holds."""

    _storage: Indexed

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        with self._storage.lock:
            return len(self._storage.indexed(owner_id))


class DeletesThenUnlists(DurableTarget):
    """breaks DUR-5: a delete removes the record, then its entry in the index: two statements
    without a transaction.
    """

    storage = Indexed
    backend = CountsTheIndex


class CleansThenUnlists(Indexed):
    """Removes all expired records, then their entries in the index."""

    def remove(self, key: Key) -> bool:
        self.entry(key).unlink(missing_ok=True)
        return FileStorage.remove(self, key)

    def remove_expired(self, now: datetime) -> int:
        rows = list(self.rows.everything())
        expired = [key for key, row in rows if row.expires_at and row.expires_at <= now]
        removed = sum(FileStorage.remove(self, key) for key in expired)
        for key in expired:
            self.entry(key).unlink(missing_ok=True)
        return removed


class CleanupInTwoSteps(DurableTarget):
    """breaks DUR-5: cleanup_expired removes the expired records and then unlists them; a kill in
    between leaves entries without records.
    """

    storage = CleansThenUnlists
    backend = CountsTheIndex
