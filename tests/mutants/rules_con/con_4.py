"""Mutants of CON-4."""

from __future__ import annotations

import asyncio
import threading

from mutants.base import (
    key_of,
)
from mutants.loops import LoopBackend
from mutants.postgres import PgBackend, values
from mutants.rules_con.support import HalfLocked, Intending
from pmcp_storage import (
    AlreadyExistsError,
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Row


class CreateLooksThenWrites(HalfLocked):
    """breaks CON-4: create checks that the key is absent and writes in a second step."""

    def _create(self, record: TaskRecord) -> int:
        if self.version(key_of(record)):
            raise AlreadyExistsError(*key_of(record))
        return self.store(key_of(record), record, 1)


class CreatorsBackOff(Intending):
    """breaks CON-4: each creator announces itself and gives up when it sees another, so that
    sometimes all give up.
    """

    def _create(self, record: TaskRecord) -> int:
        key = key_of(record)
        try:
            if not self.begin(key):
                raise AlreadyExistsError(*key)
            return super()._create(record)
        finally:
            self.end(key)


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
    """breaks CON-4: the lock of a new owner is created by the first thread that finds none; two
    threads that look at the same time create two, and each holds its own.
    """

    def lock_of(self, owner_id: str) -> threading.Lock:
        if owner_id not in self._locks:
            self._locks[owner_id] = threading.Lock()
        return self._locks[owner_id]


class LockGoesWithTheRecord(LockedByOwner):
    """breaks CON-4: deleting an owner's last record also drops the owner's lock, so that locks do
    not pile up, while others wait for it; the next thread creates another one.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with self.lock_of(owner_id):
            found = self.drop((owner_id, task_id))
            with self._storage.lock:
                if not self._storage.page(owner_id, 1, None):
                    self._locks.pop(owner_id, None)
            return found


class LooksThenUpserts(PgBackend):
    """breaks CON-4: create looks whether the key is present, and then writes by the upsert that put
    uses too.
    """

    def _create(self, record: TaskRecord) -> int:
        if self.read(self.select, owner=record.owner_id, task=record.task_id).rows:
            raise AlreadyExistsError(record.owner_id, record.task_id)
        self.write(self.upsert, **values(record))
        return 1


class InsertsInATask(LoopBackend):
    """breaks CON-4: create looks for the key, and inserts when a task of its own has ended."""

    async def _create(self, record: TaskRecord) -> int:
        key = key_of(record)
        if key in self.rows:
            raise AlreadyExistsError(*key)
        await asyncio.create_task(self.io())
        self.rows[key] = Row(record.to_json(), 1, record.expires_at)
        return 1
