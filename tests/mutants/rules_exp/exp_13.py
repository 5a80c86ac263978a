"""Mutants of EXP-13."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from mutants.base import (
    Seamed,
)
from mutants.postgres import PgBackend
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    InMemoryBackend,
    VersionedRecord,
)


class CleanupInLocalTime(Seamed):
    """breaks EXP-13: cleanup compares naive datetimes, the process's own time with one in UTC:
    right where the process runs in UTC, hours wrong elsewhere.
    """

    def _cleanup_expired(self) -> int:
        local = datetime.now()
        with self._storage.lock:
            return self._storage.remove_expired(local.replace(tzinfo=UTC))


class NaiveTimestamps(Seamed):
    """breaks EXP-13: the stored expiry is the timestamp of a naive datetime in UTC, which
    timestamp() takes for local time.
    """

    def _cleanup_expired(self) -> int:
        for key in list(self._storage.rows):
            row = self.row(key)
            if row is not None and row.expires_at is not None and row.expires_at.year < 3000:
                local = row.expires_at.replace(tzinfo=None).timestamp()
                self.overwrite(key, expires_at=datetime.fromtimestamp(local, UTC))
        return super()._cleanup_expired()


class CountByText(InMemoryBackend):
    """breaks EXP-13: the count compares live_at with the expiry as text, which is right in UTC."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        found: list[VersionedRecord] = self._list_by_owner(owner_id, limit=10_000, after=None)
        expiries = [entry.record.expires_at for entry in found]
        if live_at is None:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        live = [e for e in expiries if e is None or e.isoformat() > live_at.isoformat()]
        return len(live) if at_most is None else min(len(live), at_most)


class ExpiryHasNoTimeZone(PgBackend):
    """breaks EXP-13: the column is timestamp without time zone, and holds the time of day in the
    zone of the session that wrote it.
    """

    layout = PgBackend.layout.replace("timestamptz", "timestamp")


class CleansUpByLocalTime(PgBackend):
    """breaks EXP-13: expiries are stored as timestamps in UTC and compared with the server's local
    time, which is that of the session's zone.
    """

    layout = PgBackend.layout.replace("timestamptz", "timestamp")
    expiry = "%(expires_at)s::timestamptz AT TIME ZONE 'UTC'"
    live_at = "%(live_at)s::timestamptz AT TIME ZONE 'UTC'"
    has_expired = "expires_at <= localtimestamp"


class LocalTimesOfDay(SqliteRows):
    """breaks EXP-13: instants are stored and compared as times of day in the local zone, which come
    twice when the clocks go back.
    """

    layout = SqliteRows.layout.replace("expires_at INTEGER", "expires_at TEXT")

    def instant(self, at: datetime) -> str:
        with suppress(OverflowError):
            at = at.astimezone()
        return at.strftime("%Y-%m-%d %H:%M:%S.%f")
