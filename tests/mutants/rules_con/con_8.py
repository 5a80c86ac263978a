"""Mutants of CON-8."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from mutants.base import (
    MutantTarget,
    Seamed,
    key_of,
)
from mutants.files import Files, FileTarget, InPlace, parsed
from mutants.loops import LoopBackend
from mutants.rules_con.support import HalfLocked
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key, Row


class Enlisting(Seamed):
    """Lists by an index of ids, in which those of deleted records stay and are passed over."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._ids: dict[str, tuple[str, ...]] = vars(self._storage).setdefault("ids", {})

    def enlist(self, owner_id: str, task_id: str) -> None:
        ids = self._ids.get(owner_id, ())
        if task_id not in ids:
            self._ids[owner_id] = tuple(sorted({*ids, task_id}))

    def _create(self, record: TaskRecord) -> int:
        self.enlist(*key_of(record))
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self.enlist(*key_of(record))
        return super()._put(record)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        ids = [i for i in reversed(self._ids.get(owner_id, ())) if after is None or i < after]
        rows = [(task_id, self.row((owner_id, task_id))) for task_id in ids]
        return [read_row(owner_id, i, row.data, row.version) for i, row in rows if row][:limit]


class IndexLosesEntries(MutantTarget):
    """breaks CON-8: an owner's index is read, added to and written back without a lock, as one
    value of a key-value store is; of two creations at the same time one is never listed.
    """

    backend = Enlisting

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        super().plant(owner_id, task_id, data, version)
        Enlisting(self._storage).enlist(owner_id, task_id)


class RefusalsLookAgain(InMemoryBackend):
    """breaks CON-8: a refused write looks up the version that it reports after it has released the
    lock: KeyError, if the record has been deleted meanwhile.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = key_of(record)
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            actual = self._storage.rows[key].version
            raise ConcurrentModificationError(*key, expected_version, actual) from None


class CacheFilledLate(Seamed):
    """breaks CON-8: a shared cache that every write clears: a reader that had read before the write
    fills it after the write, with a stale record that stays there.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._cache: dict[Key, Row] = vars(self._storage).setdefault("cache", {})

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        row = self._cache.get((owner_id, task_id)) or self.row((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        self._cache[owner_id, task_id] = row
        return read_row(owner_id, task_id, row.data, row.version)

    def _create(self, record: TaskRecord) -> int:
        version = super()._create(record)
        self._cache.pop(key_of(record), None)
        return version

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        self._cache.pop(key_of(record), None)
        return version

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        self._cache.pop(key_of(record), None)
        return version

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = super()._delete(owner_id, task_id)
        self._cache.pop((owner_id, task_id), None)
        return found


class EmptyIsAbsent(Files):
    """Rows of which an empty file has none."""

    def get(self, key: Key, default: Any = None) -> Any:
        path = self.path(key)
        text = path.read_text() if path.exists() else ""
        return parsed(text)[1] if text else default


class EmptyIsAbsentStorage(InPlace):
    """Truncates a file and then writes it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = EmptyIsAbsent(folder)


class ReadsWithoutTheLock(InMemoryBackend):
    """Reads while others write."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        row = self._storage.rows.get((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return read_row(owner_id, task_id, row.data, row.version)


class ReadersMeetAnEmptyFile(FileTarget):
    """breaks CON-8: a library function truncates a file and then writes it, and a reader without a
    lock finds no record in between.
    """

    storage = EmptyIsAbsentStorage
    backend = ReadsWithoutTheLock


class WritesThenRollsBack(HalfLocked):
    """breaks CON-8: a refused write is visible until it is rolled back: readers see what was never
    committed.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key, row = key_of(record), self.row(key_of(record))
        if row is not None and row.version != expected_version:
            self.overwrite(key, data=record.to_json())
            self.overwrite(key, data=row.data)
        return super()._put_if_version(record, expected_version)


class PutInsertsOrIgnores(HalfLocked):
    """breaks CON-8: put of an absent key inserts, and when the key has appeared meanwhile answers
    as if it had inserted, as INSERT OR IGNORE does.
    """

    def _put(self, record: TaskRecord) -> int:
        if self.version(key_of(record)):
            return super()._put(record)
        try:
            return self._create(record)
        except AlreadyExistsError:
            return 1


class JoinsReadsUnderWay(LoopBackend):
    """breaks CON-8: a read joins one of the same key that is under way, which may have found what a
    write has replaced since: single-flight, coalescing, a data loader.
    """

    def __init__(self, rows: dict[Key, Row] | None = None) -> None:
        super().__init__(rows)
        self._under_way: dict[Key, asyncio.Task[Row | None]] = {}

    async def load(self, key: Key) -> Row | None:
        if key not in self._under_way:
            self._under_way[key] = asyncio.create_task(self._read(key))
            self._under_way[key].add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(self._under_way[key])

    async def _read(self, key: Key) -> Row | None:
        row = self.rows.get(key)
        await self.io()
        return row

    async def _put(self, record: TaskRecord) -> int:
        async with self.locked(key := key_of(record)):
            row = self.rows.get(key)
            return await self.store(key, record, 1 if row is None else row.version + 1)
