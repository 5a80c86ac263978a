"""Mutants of EXP-5."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mutants.rules_exp.support import Cleaning
from pmcp_storage import (
    MemoryStorage,
)
from pmcp_storage.backends.memory import Key, Row


class CleanupAhead(Cleaning):
    """breaks EXP-5: cleanup removes what expires within ten minutes, to save the next run."""

    def due(self, now: datetime) -> Iterable[Key]:
        return super().due(now + timedelta(minutes=10))


class CleanupOf32Bits(Cleaning):
    """breaks EXP-5: an expiry after 2038 is negative in 32 bits, and so has passed."""

    def due(self, now: datetime) -> Iterable[Key]:
        end = datetime(2038, 1, 19, tzinfo=UTC)
        far = [key for key, row in self.rows.items() if row.expires_at and row.expires_at > end]
        return [*super().due(now), *far]


class CleanupOfWholeOwners(Cleaning):
    """breaks EXP-5: an owner with an expired record loses all of its records, as where the expiry
    belongs to the hash that holds them.
    """

    def due(self, now: datetime) -> Iterable[Key]:
        owners = {key[0] for key in super().due(now)}
        return [key for key in self.rows if key[0] in owners]


class CleanupByVersion(MemoryStorage):
    """breaks EXP-5: the index of expiries holds keys and versions, and a delete leaves its entry
    there: a record created again at that version is removed for the expiry of the former one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._entries: set[tuple[datetime, Key, int]] = set()

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        if row.expires_at is not None:
            self._entries.add((row.expires_at, key, row.version))

    def remove_expired(self, now: datetime) -> int:
        due = sorted(entry for entry in self._entries if entry[0] <= now)
        self._entries.difference_update(due)
        rows = self.rows
        return sum(
            self.remove(key) for _, key, version in due if key in rows and rows[key][1] == version
        )
