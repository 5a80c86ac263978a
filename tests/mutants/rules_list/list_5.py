"""Mutants of LIST-5."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    InMemoryBackend,
    VersionedRecord,
)


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


class LimitsOf16Bits(SqliteRows):
    """breaks LIST-5: a limit is a signed 16-bit integer, as in some protocols: 2^15 + 2 is
    negative, and nothing is listed.
    """

    def sent(self, number: int) -> int:
        return max((number + 2**15) % 2**16 - 2**15, 0)
