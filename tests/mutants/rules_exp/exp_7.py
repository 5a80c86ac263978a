"""Mutants of EXP-7."""

from __future__ import annotations

from datetime import datetime

from mutants.base import (
    MutantTarget,
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from pmcp_conformance.target import BackendTarget
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


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


class CoalescesTheExpiry(PgBackend):
    """breaks EXP-7: the upsert keeps the stored expiry where the new record has none."""

    upsert = PgBackend.upsert.replace(
        "excluded.expires_at", "coalesce(excluded.expires_at, stored.expires_at)"
    )
