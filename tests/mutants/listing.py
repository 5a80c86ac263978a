"""Mutants of LIST: what a listing holds, and its order."""

from __future__ import annotations

import re
from typing import Any

from mutants.base import Seamed
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row


class IndexByTask(MemoryStorage):
    """breaks LIST-1: the index of a listing goes by task_id, so the last owner who writes an id
    takes it out of the others' listings.
    """

    def write(self, key: Key, row: Row) -> None:
        if key not in self.rows:
            for owner_id, task_ids in self._task_ids.items():
                if owner_id != key[0] and key[1] in task_ids and key[1].startswith("t"):
                    task_ids.remove(key[1])
        super().write(key, row)

    def remove(self, key: Key) -> bool:
        if key in self.rows and key[1] not in self._task_ids.get(key[0], []):
            self._task_ids.setdefault(key[0], []).append(key[1])
            self._task_ids[key[0]].sort()
        return super().remove(key)


class ListingOfTheUnfinished(InMemoryBackend):
    """breaks LIST-1: finished tasks are left out, as by a partial index made for a work queue."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [entry for entry in found if not entry.record.status.is_terminal]


class UnknownOwnerIsNotFound(InMemoryBackend):
    """breaks LIST-2: listing an unknown owner raises NotFoundError, as a folder or a bucket that
    is missing does.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if owner_id not in {owner for owner, _ in self._storage.rows}:
            raise NotFoundError(owner_id, "")
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class UnknownOwnerListsNone(InMemoryBackend):
    """breaks LIST-2: the listing of an unknown owner is None instead of empty: dict.get without a
    default.
    """

    def _list_by_owner(self, owner_id: str, *, limit: int, after: str | None) -> Any:
        known = owner_id in {owner for owner, _ in self._storage.rows}
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return found if known else None


class ListedVersionsAreStale(Seamed):
    """breaks LIST-3: a listing shows every record at version 1, as an index does that copied the
    version when the row was inserted.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [VersionedRecord(entry.record, min(entry.version, 1)) for entry in found]


class ListedWithoutResults(InMemoryBackend):
    """breaks LIST-3: listed records lack their variables, as an index with a projection does."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [
            VersionedRecord(entry.record.model_copy(update={"variables": {}}), entry.version)
            for entry in found
        ]


class Ordered(InMemoryBackend):
    """Lists an owner's records in descending order of `place`."""

    def place(self, task_id: str) -> Any:
        return task_id

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=10_000, after=after)
        found.sort(key=lambda entry: self.place(entry.record.task_id), reverse=True)
        return found[:limit]


class OrderOfInsertion(Ordered):
    """breaks LIST-4: a listing is in the order of creation, newest first, as a sequence number
    or the order of a dict gives it.
    """

    def place(self, task_id: str) -> Any:
        return next(i for i, key in enumerate(self._storage.rows) if key[1] == task_id)


class OrderOfADictionary(Ordered):
    """breaks LIST-4: capital and small letters are sorted together, as linguistic collations do."""

    def place(self, task_id: str) -> Any:
        return task_id.casefold(), task_id


class OrderOfUtf16(Ordered):
    """breaks LIST-4: ids are sorted by UTF-16 units, as in Java and JavaScript: astral characters
    stand before U+FFFF.
    """

    def place(self, task_id: str) -> Any:
        return task_id.encode("utf-16-be")


class OrderOfNumbers(Ordered):
    """breaks LIST-4: digits are sorted by value, as natural and numeric collations do."""

    def place(self, task_id: str) -> Any:
        parts = re.split(r"(\d+)", task_id)
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


class OrderIgnoringHyphens(Ordered):
    """breaks LIST-4: hyphens do not count for the order, as by default in ICU and glibc."""

    def place(self, task_id: str) -> Any:
        return task_id.replace("-", ""), task_id


class AscendingOrder(InMemoryBackend):
    """breaks LIST-4: a listing begins with the smallest id, as queries do unless told otherwise."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=10_000, after=None)[::-1]
        return [entry for entry in found if after is None or entry.record.task_id > after][:limit]


class LimitBeforeOrder(Seamed):
    """breaks LIST-5: the limit is taken before the order: a page holds the first rows found, which
    are then sorted.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=10_000, after=after)
        ids = [key[1] for key in self._storage.rows if key[0] == owner_id]
        first = set(ids[:limit]) if after is None else {e.record.task_id for e in found[:limit]}
        return [entry for entry in found if entry.record.task_id in first]


class OneTooMany(InMemoryBackend):
    """breaks LIST-5: a page has one entry more than its limit: the one that was fetched to see
    whether there are more.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return super()._list_by_owner(owner_id, limit=limit + 1, after=after)


class OwnersByPrefix(InMemoryBackend):
    """breaks LIST-9: a listing holds all owners whose id begins with the given one, as SCAN owner*
    and folders of object stores do.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        owners = {owner for owner, _ in self._storage.rows if owner.startswith(owner_id)}
        found = [
            entry
            for owner in owners
            for entry in super(OwnersByPrefix, self)._list_by_owner(owner, limit=limit, after=after)
        ]
        found.sort(key=lambda entry: entry.record.task_id, reverse=True)
        return found[:limit]


class OwnersWithALabel(InMemoryBackend):
    """breaks LIST-9: an owner's listing includes that of owner#TASK#…, since the prefix of the sort
    key matches both.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        for owner in {owner for owner, _ in self._storage.rows}:
            if owner.startswith(f"{owner_id}#TASK#"):
                found += super()._list_by_owner(owner, limit=limit, after=after)
        found.sort(key=lambda entry: entry.record.task_id, reverse=True)
        return found[:limit]


class UncheckedLimits(InMemoryBackend):
    """Answers limits below 1 by itself."""

    def below_one(self, owner_id: str) -> list[VersionedRecord]:
        return []

    def list_by_owner(
        self, owner_id: str, *, limit: int = 100, after: str | None = None
    ) -> list[VersionedRecord]:
        if type(limit) is int and limit < 1:
            return self.below_one(owner_id)
        return super().list_by_owner(owner_id, limit=limit, after=after)


class LimitZeroIsEmpty(UncheckedLimits):
    """breaks LIST-12: a limit of 0 gives an empty page, which a pager takes for the last."""


class LimitZeroIsUnlimited(UncheckedLimits):
    """breaks LIST-12: a limit of 0 or below means no limit, as in SQLite and MongoDB."""

    def below_one(self, owner_id: str) -> list[VersionedRecord]:
        return self._list_by_owner(owner_id, limit=10_000, after=None)
