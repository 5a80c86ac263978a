"""Shared by the mutants of EXP."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from pmcp_storage import (
    MemoryStorage,
)
from pmcp_storage.backends.memory import Key, Row

HOUR = timedelta(hours=1)


class Cleaning(MemoryStorage):
    """Removes the keys that `due` names."""

    def due(self, now: datetime) -> Iterable[Key]:
        rows = self.rows.items()
        return [key for key, row in rows if row.expires_at is not None and row.expires_at <= now]

    def remove_expired(self, now: datetime) -> int:
        return sum(self.remove(key) for key in list(self.due(now)))


class StoredExpiry(MemoryStorage):
    """Stores the expiry that `stored` makes of a record's."""

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row._replace(expires_at=self.stored(key, row.expires_at)))


def status_of(row: Row) -> str:
    return str(json.loads(row.data)["task"]["status"])
