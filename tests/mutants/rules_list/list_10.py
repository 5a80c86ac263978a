"""Mutants of LIST-10."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pmcp_storage import (
    InMemoryBackend,
    VersionedRecord,
)


class CountsTheFirstPage(InMemoryBackend):
    """breaks LIST-10: the count is the length of the first page, as a query's Count is."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return min(100, super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most))


class IteratorEndsAtAHundred(InMemoryBackend):
    """breaks LIST-10: iter_by_owner is one page only."""

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        yield from self._list_by_owner(owner_id, limit=100, after=None)


class IteratorRepeatsItsSeams(InMemoryBackend):
    """breaks LIST-10: iter_by_owner yields the last record of a page once more at the beginning of
    the next.
    """

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        for number, entry in enumerate(super()._pages(owner_id), start=1):
            yield entry
            if number % 100 == 0:
                yield entry


class IteratorLosesTheTail(InMemoryBackend):
    """breaks LIST-10: iter_by_owner ends with the last full page, as a loop does that stops on the
    first short one before yielding it.
    """

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        found = list(super()._pages(owner_id))
        yield from found[: len(found) // 100 * 100] if len(found) > 100 else found
