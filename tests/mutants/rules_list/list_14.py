"""Mutants of LIST-14."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from mutants.base import Seamed
from mutants.loops import LoopBackend
from mutants.sqlite import SqliteRows
from pmcp_storage import BackendError, MemoryStorage, TaskRecord, VersionedRecord
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key, Row


class IterationsHoldALock(Seamed):
    """breaks LIST-14: iter_by_owner holds a lock between two entries, for which all other threads
    wait until the caller has seen the last of them: a `yield` within a `with`.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._iterating: set[int] = set()

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        self._iterating = {threading.get_ident()}
        yield from super()._pages(owner_id)
        self._iterating = set()

    def _put(self, record: TaskRecord) -> int:
        if self._iterating - {threading.get_ident()}:
            raise BackendError("waited in vain for the lock of an iteration")
        return super()._put(record)


class AsyncIterationsHoldConnections(LoopBackend):
    """breaks LIST-14: an async iteration keeps a connection of the pool until its reader has come
    to the end, and writes find none that is free: a server-side cursor under `async for`.
    """

    connections = 10

    def __init__(self, rows: dict[Key, Row] | None = None) -> None:
        super().__init__(rows)
        self._pool = asyncio.Semaphore(self.connections)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(0.05):
                await self._pool.acquire()
        except TimeoutError as error:
            raise BackendError("no connection of the pool is free") from error
        try:
            yield
        finally:
            self._pool.release()

    async def _pages(self, owner_id: str) -> AsyncIterator[VersionedRecord]:
        async with self.connection():
            async for found in super()._pages(owner_id):
                yield found

    @asynccontextmanager
    async def locked(self, key: Key) -> AsyncIterator[None]:
        async with self.connection(), super().locked(key):
            yield


class AsyncIterationsHoldALock(AsyncIterationsHoldConnections):
    """breaks LIST-14: an async iteration yields within the `async with` of a lock, and writes wait
    for it until its reader has come to the end (LangGraph issue 8558).
    """

    connections = 1


class IterationsHoldACursor(SqliteRows):
    """breaks LIST-14: an iteration fetches from an open cursor, whose shared lock on the file keeps
    all writers out until it is read to the end (lemon24/reader issue 6).
    """

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        select = "SELECT task_id, data, version FROM tasks WHERE owner_id = ? ORDER BY task_id DESC"
        with self.connection() as db:
            for row in db.execute(select, (owner_id,)):
                yield read_row(owner_id, *row)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with super().connection() as db:
            db.execute("PRAGMA busy_timeout = 10")
            yield db


class IterationsHoldASnapshot(SqliteRows):
    """breaks LIST-14: an iteration fetches from an open cursor of its handle's only connection,
    which pins a snapshot of the WAL: until it is read to the end, get shows what was there before.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        super().__init__(path)

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        select = "SELECT task_id, data, version FROM tasks WHERE owner_id = ? ORDER BY task_id DESC"
        for row in self._db.execute(select, (owner_id,)):
            yield read_row(owner_id, *row)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        yield self._db

    def _close(self) -> None:
        self._db.close()
