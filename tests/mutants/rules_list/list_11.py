"""Mutants of LIST-11."""

from __future__ import annotations

from collections.abc import Iterator

from mutants.postgres import PgBackend
from mutants.rules_list.support import Paged
from pmcp_storage import MemoryStorage, TaskRecord, VersionedRecord
from pmcp_storage.backend import PAGE


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


class PagesByOffsetInSql(PgBackend):
    """breaks LIST-11: a page begins after as many rows as the pages before it had, whatever has
    come before them or gone since.
    """

    page = PgBackend.first_page + " OFFSET %(offset)s"

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(url, schema)
        self._offsets: dict[tuple[str, str], int] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        offset = 0 if after is None else self._offsets[owner_id, after]
        rows = self.read(self.page, owner=owner_id, limit=limit, offset=offset).rows
        if rows:
            self._offsets[owner_id, rows[-1][0]] = offset + len(rows)
        return [self.entry(owner_id, row, row[0]) for row in rows]
