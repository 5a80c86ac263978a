"""Mutants of CON-11."""

from __future__ import annotations

from datetime import datetime

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from mutants.rules_con.support import HalfLocked, VersionsLookedUpLater
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row


class ListsIdsThenReads(Seamed):
    """breaks CON-11: a listing collects the ids, then reads each record, and fails when one has
    been deleted in between.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            page = self._storage.page(owner_id, limit, after)
        return [self._get(owner_id, task_id) for task_id, _ in page]


class PagesRunShort(Seamed):
    """breaks CON-11: a listing leaves out what was deleted while it read, so that a page in the
    middle is shorter than its limit and the reader takes it for the last.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [entry for entry in found if self.version((owner_id, entry.record.task_id))]


class SkipsByOffset(InMemoryBackend):
    """breaks CON-11: `after` is turned into a number of rows to pass over (OFFSET), which is wrong
    as soon as one of them is gone.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._offsets: dict[tuple[str, str | None], int] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        everything = super()._list_by_owner(owner_id, limit=10_000, after=None)
        offset = self._offsets.get((owner_id, after), 0) if after else 0
        page = everything[offset : offset + limit]
        if page:
            self._offsets[owner_id, page[-1].record.task_id] = offset + len(page)
        return page


class PutReinserts(HalfLocked):
    """breaks CON-11: put removes the old row and inserts the new one; a listing in between misses
    it.
    """

    def _put(self, record: TaskRecord) -> int:
        version = self.version(key_of(record)) + 1
        self.drop(key_of(record))
        return self.store(key_of(record), record, version)


class CountsWhileOthersWrite(InMemoryBackend):
    """breaks CON-11: count_by_owner walks the dict of the rows without the lock, and fails when a
    record comes or goes meanwhile.
    """

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        count = 0
        for key, row in self._storage.rows.items():
            expired = live_at and row.expires_at and row.expires_at <= live_at
            count += key[0] == owner_id and not expired
        return count if at_most is None else min(count, at_most)


class ListsVersionsLater(VersionsLookedUpLater):
    """breaks CON-11: a listing reads the records and then their versions: pairs that never
    existed.
    """


class ListsInTwoQueries(PgBackend):
    """breaks CON-11: a listing reads the ids, and then the records one by one: one that is deleted
    in between makes it fail.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        page = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [self._get(owner_id, entry.record.task_id) for entry in page]


class ListsInPartsByOffset(SqliteRows):
    """breaks CON-11: a listing reads a hundred records at a time, each part by its OFFSET, and what
    comes or goes in between shifts all that follows.
    """

    page = SqliteRows.page + " OFFSET :offset"

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found: list[VersionedRecord] = []
        while (wanted := min(limit - len(found), 100)) > 0:
            values = {"owner": owner_id, "after": after, "limit": wanted, "offset": len(found)}
            rows, _ = self.run(self.page, **values)
            found += [read_row(owner_id, *row) for row in rows]
            if len(rows) < wanted:
                break
        return found
