"""Mutants of CON-7, CON-8 and CON-9: what readers see of the writes of others.

Those of CON-7 and CON-11 on listings stand in `listing_races`, those of CON-10 in `processes`.
"""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from mutants._files import Files, FileTarget, parsed
from mutants.base import Seamed, key_of
from mutants.concurrency import HalfLocked
from mutants.kills import InPlace
from pmcp_storage import (
    AlreadyExistsError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key, Row


class WritesInTwoSteps(HalfLocked):
    """breaks CON-7: the record is stored first and its version after it, as two keys of a store
    without transactions are; a lock keeps writers apart, but no readers.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._writers: threading.Lock = vars(self._storage).setdefault("writers", threading.Lock())

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = key_of(record)
        with self._writers:
            self.check(key, expected_version)
            self.overwrite(key, data=record.to_json(), expires_at=record.expires_at)
            self.overwrite(key, version=expected_version + 1)
        return expected_version + 1


class ReadsInTwoSteps(Seamed):
    """breaks CON-7: get reads the version and then the record."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        version = self.version((owner_id, task_id))
        row = self.row((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return read_row(owner_id, task_id, row.data, version)


class CacheFilledLate(Seamed):
    """breaks CON-8: a cache that all share and that every write clears; a reader that had read
    before the write fills it after the write, with what is outdated for ever.
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
    """breaks CON-8: a file is truncated and then written by a function of a library, and a reader
    without a lock that comes in between finds no record.
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


class ReadsThroughACache(InMemoryBackend):
    """breaks CON-9: get keeps what it has read, and only the handle's own writes clear it."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._cache: dict[Key, VersionedRecord] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        key = (owner_id, task_id)
        if key not in self._cache:
            self._cache[key] = super()._get(owner_id, task_id)
        return self._cache[key]

    def _put(self, record: TaskRecord) -> int:
        self._cache.pop(key_of(record), None)
        return super()._put(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self._cache.pop(key_of(record), None)
        return super()._put_if_version(record, expected_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._cache.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)


class RemembersWhatIsAbsent(InMemoryBackend):
    """breaks CON-9: get remembers that a key was absent, until the handle writes it itself."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._absent: set[Key] = set()

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if (owner_id, task_id) in self._absent:
            raise NotFoundError(owner_id, task_id)
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            self._absent.add((owner_id, task_id))
            raise

    def _create(self, record: TaskRecord) -> int:
        self._absent.discard(key_of(record))
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._absent.discard(key_of(record))
        return super()._put(record)


class ListsThroughACache(InMemoryBackend):
    """breaks CON-9: a handle keeps the ids of a listing until it creates or deletes by itself;
    the records it reads afresh.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._task_ids: dict[str, list[str]] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        kept = self._task_ids.setdefault(owner_id, [entry.record.task_id for entry in found])
        return [entry for entry in found if entry.record.task_id in kept]

    def _create(self, record: TaskRecord) -> int:
        self._task_ids.pop(record.owner_id, None)
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._task_ids.pop(record.owner_id, None)
        return super()._put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._task_ids.pop(owner_id, None)
        return super()._delete(owner_id, task_id)


class CountsItsOwnWrites(InMemoryBackend):
    """breaks CON-9: a handle counts once and then goes by its own creates and deletes."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._counts: dict[str, int] = {}

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        if live_at is not None or at_most is not None:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        if owner_id not in self._counts:
            counted = super()._count_by_owner(owner_id, live_at=None, at_most=None)
            self._counts[owner_id] = counted
        return self._counts[owner_id]

    def _create(self, record: TaskRecord) -> int:
        self._counts.pop(record.owner_id, None)
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self._counts.pop(record.owner_id, None)
        return super()._put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._counts.pop(owner_id, None)
        return super()._delete(owner_id, task_id)
