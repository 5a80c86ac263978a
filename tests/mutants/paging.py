"""Mutants of LIST: pages and how they follow each other."""

from __future__ import annotations

from collections.abc import Iterator

from mutants.base import Seamed
from pmcp_storage import InMemoryBackend, MemoryStorage, TaskRecord, VersionedRecord
from pmcp_storage.backend import PAGE


class Paged(Seamed):
    """Pages through the whole listing of an owner in a way of its own."""

    def everything(self, owner_id: str) -> list[VersionedRecord]:
        return super()._list_by_owner(owner_id, limit=10_000, after=None)


class AfterIsIncluded(Paged):
    """breaks LIST-6: the next page begins with the last entry of the page before: <= in place
    of <.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = self.everything(owner_id)
        return [e for e in found if after is None or e.record.task_id <= after][:limit]


class PagesSkipOne(Paged):
    """breaks LIST-6: each further page leaves out an entry: the one that had been fetched to see
    whether there are more.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = self.everything(owner_id)
        left = [e for e in found if after is None or e.record.task_id < after]
        exists = any(e.record.task_id == after for e in found)
        return left[1 if exists and len(left) > 1 else 0 :][:limit]


class FullLastPageStartsOver(Paged):
    """breaks LIST-6: after the very last entry the listing begins anew, as an empty cursor that
    means both the start and the end does.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = self.everything(owner_id)
        if found and after == found[-1].record.task_id:
            return found[:limit]
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class AfterAbsentStartsOver(Paged):
    """breaks LIST-7: `after` an id that is gone begins anew, as a cursor does that is looked up."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is not None and not self.version((owner_id, after)):
            after = None
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class AfterAbsentEnds(Paged):
    """breaks LIST-7: `after` an id that is gone ends the listing: its place is found by
    equality.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is not None and not self.version((owner_id, after)):
            return []
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class AfterSkipsSiblings(Paged):
    """breaks LIST-7: entries that begin with `after` count as seen, since its place is searched by
    prefix, with U+FFFF put behind it.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is not None and not self.version((owner_id, after)):
            found = self.everything(owner_id)
            return [e for e in found if e.record.task_id < after[:1]][:limit]
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class PagesOfAMegabyte(Paged):
    """breaks LIST-8: a page ends at a megabyte although its limit is not reached, as the page of a
    DynamoDB query does, and callers take it for the last.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        page: list[VersionedRecord] = []
        size = 0
        for entry in super()._list_by_owner(owner_id, limit=limit, after=after):
            size += len(entry.record.to_json())
            if page and size > 1_000_000:
                break
            page.append(entry)
        return page


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


class PagesByOffset(Paged):
    """breaks LIST-11: a page begins at the number of entries read before, as OFFSET does: what is
    created or deleted meanwhile shifts all that follows.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._read: dict[tuple[str, str], int] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is None:
            page, offset = super()._list_by_owner(owner_id, limit=limit, after=None), 0
        elif (owner_id, after) in self._read:
            offset = self._read[owner_id, after]
            page = self.everything(owner_id)[offset : offset + limit]
        else:
            return super()._list_by_owner(owner_id, limit=limit, after=after)
        if page and len(page) == limit:
            self._read[owner_id, page[-1].record.task_id] = offset + len(page)
        return page


class IteratesByPosition(Paged):
    """breaks LIST-11: iter_by_owner asks for the next hundred by their position and not by the last
    id of the page before, so what is created or deleted meanwhile shifts all that follows.
    """

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        page, at = self.list_by_owner(owner_id), 0
        while page:
            yield from page
            at += PAGE
            page = self.list_by_owner(owner_id, limit=at + PAGE)[at:]


class PagesOfASnapshot(Paged):
    """breaks LIST-11: an update moves a record to the front of the pages, as an order by the last
    change does, although each page is sorted.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._moved: set[tuple[str, str]] = set()

    def _put(self, record: TaskRecord) -> int:
        if self.version((record.owner_id, record.task_id)):
            self._moved.add((record.owner_id, record.task_id))
        return super()._put(record)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is None:
            return super()._list_by_owner(owner_id, limit=limit, after=None)
        found = [e for e in self.everything(owner_id) if e.record.task_id < after]
        return [e for e in found if (owner_id, e.record.task_id) not in self._moved][:limit]
