"""Mutants of LIST-13."""

from __future__ import annotations

from datetime import datetime

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
)


class CountsEverybody(InMemoryBackend):
    """breaks LIST-13: the count is of all rows in the storage, as a metadata counter is."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        found = super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        return found if live_at or at_most else max(found, len(self._storage.rows))


class Counting(InMemoryBackend):
    """Counts the records that `counted` takes for live, and stops as `stops` says."""

    def counted(self, expires_at: datetime, live_at: datetime) -> bool:
        return expires_at > live_at

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        entries = self._list_by_owner(owner_id, limit=10_000, after=None)
        expiries = [entry.record.expires_at for entry in entries]
        live = [e for e in expiries if live_at is None or e is None or self.counted(e, live_at)]
        return len(live) if at_most is None else min(len(live), at_most)


class CountIgnoresLiveAt(Counting):
    """breaks LIST-13: the expired are counted as well, so a limit per owner locks out an owner
    whose tasks the storage has not removed yet.
    """

    def counted(self, expires_at: datetime, live_at: datetime) -> bool:
        return True


class CountIncludesTheInstant(Counting):
    """breaks LIST-13: what expires at that very instant still counts: >= in place of >."""

    def counted(self, expires_at: datetime, live_at: datetime) -> bool:
        return expires_at >= live_at


class CountComparesSeconds(Counting):
    """breaks LIST-13: expiries and live_at are compared in whole seconds."""

    def counted(self, expires_at: datetime, live_at: datetime) -> bool:
        return int(expires_at.timestamp()) > int(live_at.timestamp())


class CountForgetsTheUnlimited(Counting):
    """breaks LIST-13: with live_at, records without expiry are not counted: NULL > x is NULL."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        found = super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        return max(0, found - 1) if live_at is not None and at_most is None else found


class CountIgnoresAtMost(InMemoryBackend):
    """breaks LIST-13: counting does not stop at at_most, and takes minutes where there are
    millions.
    """

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return super()._count_by_owner(owner_id, live_at=live_at, at_most=None)


class AtMostCountsTheExpired(InMemoryBackend):
    """breaks LIST-13: at_most cuts before the expired are left out: the LIMIT is inside, the
    filter outside.
    """

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        entries = self._list_by_owner(owner_id, limit=at_most or 10_000, after=None)
        return sum(live_at is None or not entry.record.is_expired(live_at) for entry in entries)


class CountIsCached(Seamed):
    """breaks LIST-13: a count is remembered until this handle writes for the owner: at_most is not
    part of what it is remembered under.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._counts: dict[str, int] = {}

    def _create(self, record: TaskRecord) -> int:
        self._counts.pop(record.owner_id, None)
        return super()._create(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._counts.pop(owner_id, None)
        return super()._delete(owner_id, task_id)

    def _put(self, record: TaskRecord) -> int:
        if not self.version(key_of(record)):
            self._counts.pop(record.owner_id, None)
        return super()._put(record)

    def _cleanup_expired(self) -> int:
        self._counts.clear()
        return super()._cleanup_expired()

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        found = super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        return found if live_at else self._counts.setdefault(owner_id, found)


class CountsByEstimate(PgBackend):
    """breaks LIST-13: a count is what the planner expects a query to find."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        query = "EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {listed}"
        plan = self.read(query, owner=owner_id).rows[0][0]
        return int(plan[0]["Plan"]["Plan Rows"])
