"""Mutants of LIST-4."""

from __future__ import annotations

import re
from typing import Any

from mutants.postgres import PgBackend
from pmcp_storage import (
    InMemoryBackend,
    VersionedRecord,
)


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
    """breaks LIST-4: upper and lower case are sorted together, as linguistic collations do."""

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
    """breaks LIST-4: hyphens are ignored in the order, as by default in ICU and glibc."""

    def place(self, task_id: str) -> Any:
        return task_id.replace("-", ""), task_id


class AscendingOrder(InMemoryBackend):
    """breaks LIST-4: a listing begins with the smallest id, as queries do by default."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=10_000, after=None)[::-1]
        return [entry for entry in found if after is None or entry.record.task_id > after][:limit]


class OrdersByTheDatabasesCollation(PgBackend):
    """breaks LIST-4: ids are ordered as in a dictionary, by the collation that a database has
    unless it was created with another.
    """

    layout = PgBackend.layout.replace('task_id text COLLATE "C"', 'task_id text COLLATE "en-x-icu"')
