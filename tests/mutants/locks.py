"""Mutants of CON-4 and CON-8: locks that are not there when they are needed."""

from __future__ import annotations

import threading

from mutants.base import MutantTarget, Seamed, key_of
from mutants.concurrency import HalfLocked
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row


class LockedByOwner(HalfLocked):
    """Creates in two steps, under a lock of the owner's that all handles share."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._locks: dict[str, threading.Lock] = vars(self._storage).setdefault("locks", {})

    def lock_of(self, owner_id: str) -> threading.Lock:
        return self._locks.setdefault(owner_id, threading.Lock())

    def _create(self, record: TaskRecord) -> int:
        with self.lock_of(record.owner_id):
            if (record.owner_id, record.task_id) in self._storage.rows:
                raise AlreadyExistsError(record.owner_id, record.task_id)
            return self.store(key_of(record), record, 1)

    def _put(self, record: TaskRecord) -> int:
        with self.lock_of(record.owner_id):
            return super()._put(record)


class LockIsMadeTwice(LockedByOwner):
    """breaks CON-4: the lock of a new owner is made by whoever looks and finds none; two threads
    that look at the same time make two, and each holds its own.
    """

    def lock_of(self, owner_id: str) -> threading.Lock:
        if owner_id not in self._locks:
            self._locks[owner_id] = threading.Lock()
        return self._locks[owner_id]


class LockGoesWithTheRecord(LockedByOwner):
    """breaks CON-4: deleting an owner's last record drops the owner's lock, so that locks do not
    pile up, while others wait for it; whoever comes next makes another one.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with self.lock_of(owner_id):
            found = self.drop((owner_id, task_id))
            with self._storage.lock:
                if not self._storage.page(owner_id, 1, None):
                    self._locks.pop(owner_id, None)
            return found


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
