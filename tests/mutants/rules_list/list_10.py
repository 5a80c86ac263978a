"""Mutants of LIST-10."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mutants.rules_list.support import Paged
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    VersionedRecord,
)
from pmcp_storage.backend import PAGE


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


class CountsOnePageOfTheLive(SqliteRows):
    """breaks LIST-10: what is alive is counted in one page of a hundred, and all in the table."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        count = super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        return count if live_at is None else min(count, 100)


class SegmentsAreNotMerged(Paged):
    """breaks LIST-10: records are sorted in segments of a hundred, the newest first, as they were
    written; a listing reads one segment after the other.
    """

    def everything(self, owner_id: str) -> list[VersionedRecord]:
        found = {e.record.task_id: e for e in super().everything(owner_id)}
        ids = [task for owner, task in self._storage.rows if owner == owner_id]
        segments = [sorted(ids[i : i + 100], reverse=True) for i in range(0, len(ids), 100)]
        return [found[task] for segment in reversed(segments) for task in segment]

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = self.everything(owner_id)
        return [e for e in found if after is None or e.record.task_id < after][:limit]


class IteratorFailsAfterFullPages(InMemoryBackend):
    """breaks LIST-10: iter_by_owner fails where the last page is full, since none follows."""

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        page = self.list_by_owner(owner_id, limit=PAGE)
        yield from page
        while len(page) == PAGE:
            page = self.list_by_owner(owner_id, limit=PAGE, after=page[-1].record.task_id)
            if not page:
                raise BackendError("there is no such page")
            yield from page


class OneCursorForAll(InMemoryBackend):
    """breaks LIST-10: a handle has one cursor: an iteration that begins takes it away from the one
    that is under way.
    """

    _cursor: Iterator[VersionedRecord] = iter(())

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        self._cursor = super()._pages(owner_id)
        while True:
            try:
                yield next(self._cursor)
            except StopIteration:
                return
