"""The reference backend: what the contract says is what this one does.

It keeps records as JSON text, so that no caller holds an object of the storage, and leaves
expired records in place until `cleanup_expired`. Nothing survives the process.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from pmcp_storage.backend import StorageBackend, VersionedRecord, read_row
from pmcp_storage.errors import AlreadyExistsError, ConcurrentModificationError, NotFoundError
from pmcp_storage.records import TaskRecord

Key = tuple[str, str]


class Row(NamedTuple):
    """What the storage holds for a key; the data is the record's JSON."""

    data: str
    version: int
    expires_at: datetime | None


class MemoryStorage:
    """The rows that several handles share. Hold `lock` around every use of its methods."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: dict[Key, Row] = {}
        self._task_ids: dict[str, list[str]] = {}
        self._expiries: list[tuple[datetime, Key]] = []

    def write(self, key: Key, row: Row) -> None:
        """Insert or overwrite a row."""
        owner_id, task_id = key
        if key not in self.rows:
            insort(self._task_ids.setdefault(owner_id, []), task_id)
        self.rows[key] = row
        if row.expires_at is not None:
            heappush(self._expiries, (row.expires_at, key))
            self._drop_outdated_expiries()

    def remove(self, key: Key) -> bool:
        """Remove a row; return whether there was one."""
        if self.rows.pop(key, None) is None:
            return False
        owner_id, task_id = key
        task_ids = self._task_ids[owner_id]
        del task_ids[bisect_left(task_ids, task_id)]
        if not task_ids:
            del self._task_ids[owner_id]
        return True

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        """Up to `limit` rows of the owner below `after`, descending, each with its task_id."""
        task_ids = self._task_ids.get(owner_id, [])
        end = len(task_ids) if after is None else bisect_left(task_ids, after)
        found = reversed(task_ids[max(0, end - limit) : end])
        return [(task_id, self.rows[owner_id, task_id]) for task_id in found]

    def remove_expired(self, now: datetime) -> int:
        """Remove the rows that have expired by `now`; return how many."""
        removed = 0
        while self._expiries and self._expiries[0][0] <= now:
            expires_at, key = heappop(self._expiries)
            row = self.rows.get(key)
            if row is not None and row.expires_at == expires_at:
                removed += self.remove(key)
        return removed

    def _drop_outdated_expiries(self) -> None:
        # Overwritten and deleted rows leave their entries behind; without this, a task that is
        # written over and over would grow the heap for ever.
        if len(self._expiries) > 2 * len(self.rows) + 64:
            rows = self.rows.items()
            self._expiries = [(row.expires_at, key) for key, row in rows if row.expires_at]
            heapify(self._expiries)


class InMemoryBackend(StorageBackend):
    """Records in the memory of this process.

    Handles given the same `storage` share it; without one, a handle has a storage of its own.
    Closing a handle does not end the storage.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        self._storage = MemoryStorage() if storage is None else storage

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with self._storage.lock:
            row = self._storage.rows.get((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return read_row(owner_id, task_id, row.data, row.version)

    def _create(self, record: TaskRecord) -> int:
        data = record.to_json()
        key = _key(record)
        with self._storage.lock:
            if key in self._storage.rows:
                raise AlreadyExistsError(*key)
            self._storage.write(key, Row(data, 1, record.expires_at))
        return 1

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        data = record.to_json()
        key = _key(record)
        with self._storage.lock:
            row = self._storage.rows.get(key)
            if row is None:
                raise NotFoundError(*key)
            if row.version != expected_version:
                raise ConcurrentModificationError(*key, expected_version, row.version)
            self._storage.write(key, Row(data, expected_version + 1, record.expires_at))
        return expected_version + 1

    def _put(self, record: TaskRecord) -> int:
        data = record.to_json()
        key = _key(record)
        with self._storage.lock:
            row = self._storage.rows.get(key)
            version = 1 if row is None else row.version + 1
            self._storage.write(key, Row(data, version, record.expires_at))
        return version

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with self._storage.lock:
            return self._storage.remove((owner_id, task_id))

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            page = self._storage.page(owner_id, limit, after)
        return [read_row(owner_id, task_id, row.data, row.version) for task_id, row in page]

    def _cleanup_expired(self) -> int:
        with self._storage.lock:
            return self._storage.remove_expired(datetime.now(UTC))


def _key(record: TaskRecord) -> Key:
    return record.owner_id, record.task_id
