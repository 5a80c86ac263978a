"""Mutants of EXP-2."""

from __future__ import annotations

from datetime import UTC, datetime

from mutants.base import MutantTarget
from mutants.postgres import PgBackend
from mutants.rules_exp.support import StoredExpiry
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row


class NoExpiryIsTheEpoch(StoredExpiry):
    """breaks EXP-2: no expiry is stored as 0, which cleanup takes for 1970."""

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at or datetime(1970, 1, 1, tzinfo=UTC)


class NoExpiryIsHidden(InMemoryBackend):
    """breaks EXP-2: WHERE expires_at > now leaves out what has no expiry: NULL > x is NULL."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [entry for entry in found if entry.record.expires_at is not None]


class NullHasExpired(PgBackend):
    """breaks EXP-2: cleanup removes what is not known to be alive, and an expiry of NULL compares
    with nothing.
    """

    has_expired = "(expires_at > clock_timestamp()) IS NOT TRUE"


class Evicting(MemoryStorage):
    """Holds a thousand rows."""

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        if len(self.rows) > 1_000:
            self.remove(next(iter(self.rows)))


class EvictsTheOldest(MutantTarget):
    """breaks EXP-2: a store that is a cache drops the oldest record when it is full."""

    storage = Evicting


class PurgesWhatIsOld(SqliteRows):
    """breaks EXP-2: cleanup also removes what was created a month ago, as retention policies do."""

    cleanup = (
        SqliteRows.cleanup
        + " OR json_extract(data, '$.task.createdAt') < datetime('now', '-30 days')"
    )


class PurgesWhatHasEnded(SqliteRows):
    """breaks EXP-2: cleanup also removes tasks that have ended and were given no expiry."""

    cleanup = (
        SqliteRows.cleanup
        + """ OR (expires_at IS NULL
            AND json_extract(data, '$.task.status') IN ('completed', 'failed', 'cancelled'))"""
    )


class HidesWhatIsOld(SqliteRows):
    """breaks EXP-2: a listing shows the tasks of the last month."""

    page = SqliteRows.page.replace(
        "{owner}", "{owner} AND json_extract(data, '$.task.createdAt') > date('now', '-30 days')"
    )
