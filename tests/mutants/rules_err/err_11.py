"""Mutants of ERR-11."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mutants.loops import LoopBackend
from pmcp_storage import BackendError, TaskRecord
from pmcp_storage.backends.memory import Key, Row


class KeepsTheLockWhenCancelled(LoopBackend):
    """breaks ERR-11: a lock is released after an operation and after an Exception, of which
    CancelledError is none.
    """

    @asynccontextmanager
    async def locked(self, key: Key) -> AsyncIterator[None]:
        lock = self.locks.setdefault("one", asyncio.Lock())
        await lock.acquire()
        try:
            yield
        except Exception:
            lock.release()
            raise
        lock.release()


class HalfWrittenWhenCancelled(LoopBackend):
    """breaks ERR-11: the record is written, and then its version: a cancellation in between leaves
    the new record at the old version.
    """

    async def store(self, key: Key, record: TaskRecord, version: int) -> int:
        former = self.rows.get(key)
        if former is not None:
            self.rows[key] = Row(record.to_json(), former.version, record.expires_at)
        return await super().store(key, record, version)


class StaysBusyWhenCancelled(LoopBackend):
    """breaks ERR-11: what is under way is counted, up to a limit, and an operation that is
    cancelled counts for ever, as a connection does that never comes back to its pool.
    """

    _busy = 0

    async def io(self) -> None:
        if self._busy >= 8:
            raise BackendError("too many operations under way")
        self._busy += 1
        await super().io()
        self._busy -= 1


class GivesUpOnWhatGoesOn(LoopBackend):
    """breaks ERR-11: a time limit ends the waiting for a write, which is shielded and goes on, and
    says that nothing was written.
    """

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        write = asyncio.shield(super()._put_if_version(record, expected_version))
        try:
            return await asyncio.wait_for(write, 5)
        except TimeoutError as error:
            raise BackendError("the storage does not answer in time") from error


class HandOverLock:
    """A lock that goes to the next in the queue, whether that one still waits or not."""

    def __init__(self) -> None:
        self._held = False
        self._queue: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> None:
        if self._held:
            turn = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            await turn
        self._held = True

    async def __aexit__(self, *_: object) -> None:
        if not self._queue:
            self._held = False
        elif not (turn := self._queue.pop(0)).done():
            turn.set_result(None)


class HandsTheLockToTheGone(LoopBackend):
    """breaks ERR-11: a lock is handed over to the next in the queue, who was cancelled while it
    waited.
    """

    def __init__(self, rows: dict[Key, Row] | None = None) -> None:
        super().__init__(rows)
        self._lock = HandOverLock()

    @asynccontextmanager
    async def locked(self, key: Key) -> AsyncIterator[None]:
        async with self._lock:
            yield
