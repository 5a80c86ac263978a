"""The reference backend: what the contract says is what this one does.

It keeps records as JSON text, so that no caller holds an object of the storage, and leaves
expired records in place until `cleanup_expired`. Nothing survives the process. A forked process
begins with a copy of what was stored, and from then on the two share nothing.

An exception may strike anywhere: a signal handler's, a soft time limit's. `rows` alone decides what
is stored, and each change of it is one step. The index and the expiries may hold what is not
stored, but never lack what is; they are changed in that order.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, insort
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from pmcp_storage.backend import StorageBackend, VersionedRecord, read_row
from pmcp_storage.errors import AlreadyExistsError, ConcurrentModificationError, NotFoundError
from pmcp_storage.records import TaskRecord

Key = tuple[str, str]

_lock = threading.RLock()
"""One for all storages, so that a fork has one lock to take. Reentrant, because a signal handler
may fork, or read a task, in the middle of an operation."""

if hasattr(os, "register_at_fork"):
    # No thread is in the middle of a change when the process is copied.
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


class Row(NamedTuple):
    """What the storage holds for a key; the data is the record's JSON."""

    data: str
    version: int
    expires_at: datetime | None


class MemoryStorage:
    """The rows that several handles share. Hold `lock` around every use of its methods."""

    lock: threading.Lock | threading.RLock = _lock

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        self._task_ids: dict[str, list[str]] = {}
        self._expiries: list[tuple[datetime, Key]] = []

    def write(self, key: Key, row: Row) -> None:
        """Insert or overwrite a row."""
        if key not in self.rows:
            self._add_to_index(*key)
        if row.expires_at is not None:
            self._drop_outdated_expiries()
            heappush(self._expiries, (row.expires_at, key))
        self.rows[key] = row

    def remove(self, key: Key) -> bool:
        """Remove a row; return whether there was one."""
        if self.rows.pop(key, None) is None:
            return False
        self._remove_from_index(*key)
        return True

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        """Up to `limit` rows of the owner below `after`, descending, each with its task_id."""
        task_ids = self._task_ids.get(owner_id, [])
        end = len(task_ids) if after is None else bisect_left(task_ids, after)
        found: list[tuple[str, Row]] = []
        while end and len(found) < limit:
            end -= 1
            row = self.rows.get((owner_id, task_ids[end]))
            if row is None:
                del task_ids[end]  # an interrupted change left it behind
            else:
                found.append((task_ids[end], row))
        return found

    def remove_expired(self, now: datetime) -> int:
        """Remove the rows that have expired by `now`; return how many."""
        removed = 0
        while self._expiries and self._expiries[0][0] <= now:
            expires_at, key = self._expiries[0]
            row = self.rows.get(key)
            if row is not None and row.expires_at == expires_at:
                removed += self.remove(key)
            heappop(self._expiries)
        return removed

    def _add_to_index(self, owner_id: str, task_id: str) -> None:
        task_ids = self._task_ids.setdefault(owner_id, [])
        if not _holds(task_ids, task_id):
            insort(task_ids, task_id)

    def _remove_from_index(self, owner_id: str, task_id: str) -> None:
        task_ids = self._task_ids[owner_id]
        del task_ids[bisect_left(task_ids, task_id)]
        if not task_ids:
            del self._task_ids[owner_id]

    def _drop_outdated_expiries(self) -> None:
        # Overwritten and deleted rows leave their entries behind; without this, a task that is
        # written over and over would grow the heap for ever.
        if len(self._expiries) > 2 * len(self.rows) + 64:
            rows = self.rows.items()
            expiries = [(row.expires_at, key) for key, row in rows if row.expires_at]
            heapify(expiries)
            self._expiries = expiries


class InMemoryBackend(StorageBackend):
    """Records in the memory of this process.

    Handles given the same `storage` share it; without one, a handle has a storage of its own.
    Closing a handle does not end the storage. After a fork, a handle works in both processes.
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


def _holds(ordered: list[str], value: str) -> bool:
    position = bisect_left(ordered, value)
    return position < len(ordered) and ordered[position] == value


def _key(record: TaskRecord) -> Key:
    return record.owner_id, record.task_id
