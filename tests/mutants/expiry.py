"""Mutants of EXP: when a record expires, and what replaces its expiry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mutants.base import MutantTarget, Seamed, key_of, now
from pmcp_conformance.target import BackendTarget
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row

HOUR = timedelta(hours=1)


def floored(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def nearest(instant: datetime) -> datetime:
    return floored(instant + timedelta(milliseconds=500))


class StoredExpiry(MemoryStorage):
    """Stores the expiry that `stored` makes of a record's."""

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row._replace(expires_at=self.stored(key, row.expires_at)))


class ExpiryFlooredAtRest(StoredExpiry):
    """breaks EXP-1: the stored expiry is cut to seconds, as int(timestamp()) for a TTL attribute
    does, and cleanup removes the record up to a second too early.
    """

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at and floored(expires_at)


class ExpiryRoundedAtRest(StoredExpiry):
    """breaks EXP-1: the stored expiry is rounded to the nearest second, so in the first half of
    each second it is too early.
    """

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at and nearest(expires_at)


class ListingHidesEarly(InMemoryBackend):
    """breaks EXP-1: the listing compares whole seconds and hides a record that get still finds."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        seconds = floored(now())
        expiries = [entry.record.expires_at for entry in found]
        soon = [e is not None and seconds <= floored(e) == seconds for e in expiries]
        return [entry for entry, hidden in zip(found, soon, strict=True) if not hidden]


class GetHidesEarly(InMemoryBackend):
    """breaks EXP-1: get treats a record as gone in the second in which it will expire."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        expires_at = found.record.expires_at
        if expires_at is not None and now() < expires_at and floored(expires_at) <= now():
            raise NotFoundError(owner_id, task_id)
        return found


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


class StoredInMilliseconds(MutantTarget):
    """breaks EXP-6: the stored expiry is in milliseconds where the storage reads seconds, so
    nothing ever expires.
    """

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        stored = super().stored_expiry(owner_id, task_id)
        return stored and stored * 1000


class StoredWithGrace(StoredExpiry):
    """breaks EXP-6: the stored expiry has two seconds of grace added."""

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        last = datetime.max.replace(tzinfo=UTC) - HOUR
        return expires_at + timedelta(seconds=2) if expires_at and expires_at < last else expires_at


class StoredFloored(MutantTarget):
    """breaks EXP-6: the storage itself, which removes by whole seconds, is given a time that is
    up to a second too early.
    """

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        stored = super().stored_expiry(owner_id, task_id)
        return stored and float(int(stored))


class DefaultLifetime(StoredExpiry):
    """breaks EXP-6: a record without expiry gets a default one of thirty days, as caches give."""

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at or now() + 720 * HOUR


class Overwriting(Seamed):
    """Stores the expiry that `kept` makes of the former one and the record's."""

    puts = True
    swaps = True

    def kept(self, former: datetime | None, new: datetime | None) -> datetime | None:
        return new

    def _put(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        version = super()._put(record)
        if row is not None and self.puts:
            kept = self.kept(row.expires_at, record.expires_at)
            self.overwrite(key_of(record), expires_at=kept)
        return version

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        version = super()._put_if_version(record, expected_version)
        if row is not None and self.swaps:
            kept = self.kept(row.expires_at, record.expires_at)
            self.overwrite(key_of(record), expires_at=kept)
        return version


class ExpiryNeverShortened(Overwriting):
    """breaks EXP-7: an earlier expiry does not replace a later one, as with EXPIRE GT."""

    def kept(self, former: datetime | None, new: datetime | None) -> datetime | None:
        return max(former, new) if former and new else new


class ExpiryNeverPutOff(Overwriting):
    """breaks EXP-7: a later expiry does not replace an earlier one, as with EXPIRE LT."""

    def kept(self, former: datetime | None, new: datetime | None) -> datetime | None:
        return min(former, new) if former and new else new


class ExpiryOfTheFirstPut(Overwriting):
    """breaks EXP-7: put leaves the expiry of the creation, as where the TTL is set on insert
    only.
    """

    swaps = False

    def kept(self, former: datetime | None, new: datetime | None) -> datetime | None:
        return former if former and new else new


class SwapLeavesTheExpiry(Overwriting):
    """breaks EXP-7: put_if_version leaves the expiry: its statement lacks the column."""

    puts = False

    def kept(self, former: datetime | None, new: datetime | None) -> datetime | None:
        return former if former and new else new


class ExpiryNeverGiven(Overwriting):
    """breaks EXP-7: a record that had no expiry never gets one, as where the TTL attribute is set
    only if it exists.
    """

    def kept(self, former: datetime | None, new: datetime | None) -> datetime | None:
        return new if former else None


class Unseen(MutantTarget):
    """Does not show the expiry that it stores: only a cleanup does."""

    stored_expiry = BackendTarget.stored_expiry


class UnseenNeverPutOff(Unseen):
    """breaks EXP-7: a later expiry does not replace an earlier one, in a storage that shows its
    expiries by removing records only.
    """

    backend = ExpiryNeverPutOff


class UnseenNeverShortened(Unseen):
    """breaks EXP-7: an earlier expiry does not replace a later one, in a storage that shows its
    expiries by removing records only.
    """

    backend = ExpiryNeverShortened


class UnseenNeverTaken(Unseen):
    """breaks EXP-7: put_if_version without expiry leaves the stored one, in a storage that shows
    its expiries by removing records only.
    """

    class backend(Overwriting):  # noqa: N801
        puts = False

        def kept(self, former: datetime | None, new: datetime | None) -> datetime | None:
            return new or former


class StaleHeapOnly(MutantTarget):
    """breaks EXP-7: cleanup goes by the expiry with which a record was created, in an index that
    overwriting does not touch; the row itself shows the new one.
    """

    class storage(MemoryStorage):  # noqa: N801
        def __init__(self) -> None:
            super().__init__()
            self.created: dict[Key, datetime | None] = {}

        def write(self, key: Key, row: Row) -> None:
            if key not in self.rows:
                self.created[key] = row.expires_at
            super().write(key, row)

        def remove_expired(self, now: datetime) -> int:
            due = [k for k in self.rows if (e := self.created.get(k)) is not None and e <= now]
            return sum(self.remove(key) for key in due)
