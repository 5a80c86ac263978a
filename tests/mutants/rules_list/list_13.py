"""Mutants of LIST-13."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backend import PAGE


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


class CountComparesFloats(Counting):
    """breaks LIST-13: expiries and live_at are compared as floats of seconds, which skip
    microseconds far from today.
    """

    def counted(self, expires_at: datetime, live_at: datetime) -> bool:
        return expires_at.timestamp() > live_at.timestamp()


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


class CountsTextThatEndsInZ(SqliteRows):
    """breaks LIST-13: instants are compared as text without zeros behind the second, and Z comes
    after the point: "10:00:00Z" > "10:00:00.5Z".
    """

    layout = SqliteRows.layout.replace("expires_at INTEGER", "expires_at TEXT")

    def instant(self, at: datetime) -> str:
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class CountsAThousandAtMost(SqliteRows):
    """breaks LIST-13: a count stops at a thousand, as a search engine's does."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        most = min(at_most or 1000, 1000)
        return super()._count_by_owner(owner_id, live_at=live_at, at_most=most)


class CountsTextWithoutZeros(CountsTextThatEndsInZ):
    """breaks LIST-13: instants are compared as text without leading zeros, in which month 9 comes
    after month 10.
    """

    def instant(self, at: datetime) -> str:
        at = at.astimezone(UTC)
        time = f"{at.hour}:{at.minute}:{at.second}.{at.microsecond:06}"
        return f"{at.year}-{at.month}-{at.day}T{time}"


class CountsHoursWithoutZeros(CountsTextThatEndsInZ):
    """breaks LIST-13: of instants that are compared as text, the hours alone lack leading zeros."""

    def instant(self, at: datetime) -> str:
        at = at.astimezone(UTC)
        return f"{at:%Y-%m-%d} {at.hour}:{at:%M:%S.%f}"


class CountsWithinAWindow(SqliteRows):
    """breaks LIST-13: a count up to at_most reads a hundred rows more than that, and leaves out the
    expired among those only.
    """

    count = """SELECT min(:limit, count(*)) FROM (SELECT * FROM tasks WHERE {owner}
        ORDER BY task_id DESC LIMIT min(:limit, 9223372036854775000) + 100) WHERE {live}"""


class CountEndsAtADeadPage(InMemoryBackend):
    """breaks LIST-13: counting ends at the first page without anything alive."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        count, pages = 0, super()._pages(owner_id)
        while page := list(islice(pages, PAGE)):
            live = sum(live_at is None or not e.record.is_expired(live_at) for e in page)
            count += live
            if not live:
                break
        return count if at_most is None else min(count, at_most)


class LiveAtOverflows(InMemoryBackend):
    """breaks LIST-13: a second that is added to live_at, for what is underway, goes beyond the last
    year.
    """

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        second = timedelta(seconds=1)
        live_at = live_at and live_at + second - second
        return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)


class CountIsADecimal(InMemoryBackend):
    """breaks LIST-13: a count is a Decimal, as sums of a database are."""

    def _count_by_owner(self, owner_id: str, *, live_at: Any, at_most: Any) -> Any:
        return Decimal(super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most))
