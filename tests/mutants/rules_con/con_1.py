"""Mutants of CON-1."""

from __future__ import annotations

import threading
import time
from copy import copy
from typing import Any

import psycopg

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.loops import LoopBackend
from mutants.postgres import Locking, PgBackend, conflict, values
from mutants.rules_con.support import HalfLocked, Intending
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
)
from support.postgres_sessions import Session
from support.tcp_server import Message, TcpServer
from support.tcp_store import TcpTarget


class ChecksThenSwaps(HalfLocked):
    """breaks CON-1: put_if_version compares under the lock and writes under the lock, but lets go
    of it in between: check, then act.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self.check(key_of(record), expected_version)
        return self.store(key_of(record), record, expected_version + 1)


class LockPerHandle(InMemoryBackend):
    """breaks CON-1: each handle has a lock of its own around the storage that they share, as where
    the lock is an attribute of the client object.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(copy(storage or MemoryStorage()))
        self._storage.lock = threading.Lock()


class RefusalsTellAnEarlierVersion(Seamed):
    """breaks CON-1: a conflict reports the version that was read before the write was tried, which
    in a race is the expected one.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        before = self.version(key_of(record))
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            raise ConcurrentModificationError(*key_of(record), expected_version, before) from None


class SwappersBackOff(Intending):
    """breaks CON-1: each contender announces itself and is refused when it sees another's
    announcement, so that sometimes all are refused and nobody has written.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = key_of(record)
        try:
            if not self.begin(key):
                error = (*key, expected_version, expected_version + 1)
                raise ConcurrentModificationError(*error)
            return super()._put_if_version(record, expected_version)
        finally:
            self.end(key)


class HastyServer(TcpServer):
    """A server that interleaves requests: one that waits for the disk lets others go on."""

    def answer(self, request: Message) -> Message:
        answer: Message = getattr(self, f"do_{request.pop('do')}")(**request)
        return answer

    def do_write(self, owner: str, task: str, expected: int, **row: Any) -> Message:
        stored = self.rows.get((owner, task))
        version = 0 if stored is None else stored["version"]
        if version != expected:
            return {"done": False, "version": version, "token": stored and stored["token"]}
        time.sleep(0.0001)
        self.rows[owner, task] = {**row, "version": version + 1}
        return {"done": True}


class ServerLooksThenWrites(TcpTarget):
    """breaks CON-1: the server itself compares and writes in two steps, as some simulators of cloud
    services do.
    """

    server = HastyServer


class SelectsWithoutForUpdate(Locking):
    """breaks CON-1: a transaction reads the version, compares and writes, under READ COMMITTED and
    without FOR UPDATE: two of them read the same version, and both write.
    """

    lock = Locking.lock.replace(" FOR UPDATE", "")


class TellsTheVersionOfItsSnapshot(PgBackend):
    """breaks CON-1: one statement updates and reads the stored version. The update waits for
    another's lock and sees the row as it is then; the subquery sees it as it was before.
    """

    swap = """WITH written AS ({update} AND version = %(expected)s RETURNING version)
        SELECT (SELECT version FROM written), (SELECT version FROM {table} WHERE {key})"""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        found = self.write(self.swap, **values(record), expected=expected_version).rows
        written, stored = found[0]
        if stored is None:
            raise NotFoundError(record.owner_id, record.task_id)
        if written is None:
            raise conflict(record, expected_version, stored)
        return expected_version + 1


class SerializationFailuresAreConflicts(Locking):
    """breaks CON-1: a serialization failure is reported as a conflict with the version that the
    transaction had read, which is the expected one.
    """

    lock = Locking.lock.replace(" FOR UPDATE", "")
    isolation = "REPEATABLE READ"

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except BackendError as error:
            if isinstance(error.__cause__, psycopg.errors.SerializationFailure):
                raise conflict(record, expected_version, expected_version) from error
            raise


class LockedRowsAreConflicts(Locking):
    """breaks CON-1: a row that another holds for a moment is reported as a conflict, though nobody
    need have written: FOR UPDATE NOWAIT, or a lock_timeout.
    """

    lock = f"{Locking.lock} NOWAIT"

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except BackendError as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise conflict(record, expected_version, expected_version) from error
            raise


class SkipsLockedRows(Locking):
    """breaks CON-1: FOR UPDATE SKIP LOCKED, the idiom of queues, finds no row where another holds
    it, and that is taken for an absent record.
    """

    lock = f"{Locking.lock} SKIP LOCKED"


class SeesNoUncommittedClaims(Locking):
    """breaks CON-1: who swaps claims the row first and gives way to an earlier claim, which under
    READ UNCOMMITTED it hopes to see; that level is READ COMMITTED here.
    """

    layout = f"{Locking.layout}; CREATE TABLE {{table}}_claims (task_id text)"
    lock = "SELECT version FROM {table} WHERE {key}"
    isolation = "READ UNCOMMITTED"

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self.transaction() as session:
            query = "SELECT FROM {table}_claims WHERE task_id = %(task)s"
            if self.run(session, query, **values(record)).changed:
                raise BackendError("another has claimed the record")
            self.run(session, "INSERT INTO {table}_claims VALUES (%(task)s)", **values(record))
            found = self.run(session, self.lock, **values(record)).rows
            if not found or found[0][0] != expected_version:
                actual = self._get(record.owner_id, record.task_id).version
                raise conflict(record, expected_version, actual)
            self.run(session, self.update, **values(record))
            self.run(session, "DELETE FROM {table}_claims", **values(record))
        return expected_version + 1


class UnlocksInAnotherSession(PgBackend):
    """breaks CON-1: an advisory lock of the session's is taken on one connection of the pool and
    given back on another, which does not have it: whoever comes next waits in vain.
    """

    owner_lock = "(hashtext('{table}'), hashtext(%(owner)s))"

    def connect(self) -> Session:
        session = super().connect()
        session.execute("SET lock_timeout = 20")
        return session

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self.write("SELECT pg_advisory_lock{owner_lock}", owner=record.owner_id)
        try:
            return super()._put_if_version(record, expected_version)
        finally:
            self.write("SELECT pg_advisory_unlock{owner_lock}", owner=record.owner_id)


class AwaitsBetweenCheckAndSwap(LoopBackend):
    """breaks CON-1: on an event loop put_if_version compares, awaits the storage and writes: as
    nobody else runs between two awaits, a lock seems not to be needed.
    """

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        await self.check(key_of(record), expected_version)
        return await self.store(key_of(record), record, expected_version + 1)
