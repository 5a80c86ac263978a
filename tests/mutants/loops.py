"""A correct async backend in memory, and its target: for mutants that break between two awaits.

It waits where one with I/O would, and whatever it does between two waits nobody interrupts, since
all of its handles' calls come from one event loop. So its handles share nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from pmcp_conformance import BackendTarget
from pmcp_storage import (
    AlreadyExistsError,
    AsyncStorageBackend,
    ConcurrentModificationError,
    NotFoundError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key, Row


class LoopBackend(AsyncStorageBackend):
    """The correct backend: a lock for each key around reading and writing it."""

    def __init__(self, rows: dict[Key, Row] | None = None) -> None:
        self.rows = {} if rows is None else rows
        self.locks: dict[object, asyncio.Lock] = {}
        self.loop: asyncio.AbstractEventLoop | None = None

    def give_up(self) -> None:
        """End the operations that hang; to be called from another thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(_cancel_all_operations, self.loop)

    async def io(self) -> None:
        """What takes time elsewhere."""
        self.loop = asyncio.get_running_loop()
        await asyncio.sleep(0)

    @asynccontextmanager
    async def locked(self, key: Key) -> AsyncIterator[None]:
        """Hold the key's lock."""
        async with self.locks.setdefault(key, asyncio.Lock()):
            yield

    async def load(self, key: Key) -> Row | None:
        await self.io()
        return self.rows.get(key)

    async def store(self, key: Key, record: TaskRecord, version: int) -> int:
        await self.io()
        self.rows[key] = Row(record.to_json(), version, record.expires_at)
        return version

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        row = await self.load((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return read_row(owner_id, task_id, row.data, row.version)

    async def _create(self, record: TaskRecord) -> int:
        async with self.locked(key := key_of(record)):
            if await self.load(key) is not None:
                raise AlreadyExistsError(*key)
            return await self.store(key, record, 1)

    async def _put(self, record: TaskRecord) -> int:
        async with self.locked(key := key_of(record)):
            row = await self.load(key)
            return await self.store(key, record, 1 if row is None else row.version + 1)

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        async with self.locked(key := key_of(record)):
            await self.check(key, expected_version)
            return await self.store(key, record, expected_version + 1)

    async def check(self, key: Key, expected_version: int) -> None:
        row = await self.load(key)
        if row is None:
            raise NotFoundError(*key)
        if row.version != expected_version:
            raise ConcurrentModificationError(*key, expected_version, row.version)

    async def _delete(self, owner_id: str, task_id: str) -> bool:
        async with self.locked((owner_id, task_id)):
            await self.io()
            return self.rows.pop((owner_id, task_id), None) is not None

    async def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        await self.io()
        task_ids = sorted((task for owner, task in self.rows if owner == owner_id), reverse=True)
        page = [task_id for task_id in task_ids if after is None or task_id < after][:limit]
        rows = [(task_id, self.rows[owner_id, task_id]) for task_id in page]
        return [read_row(owner_id, task_id, row.data, row.version) for task_id, row in rows]

    async def _cleanup_expired(self) -> int:
        await self.io()
        now = datetime.now(UTC)
        rows = self.rows.items()
        expired = [key for key, row in rows if row.expires_at and row.expires_at <= now]
        for key in expired:
            del self.rows[key]
        return len(expired)


class LoopTarget(BackendTarget):
    """A handle with rows of its own each."""

    name = "loops"
    shared = False
    interprocess = False
    durable = False
    answer_within = 2.0

    def __init__(self, backend: type[LoopBackend] = LoopBackend) -> None:
        self._backend = backend
        self._fresh: dict[str, dict[Key, Row]] = {}
        self._opened: list[tuple[StorageBackend, LoopBackend]] = []

    def dispose(self) -> None:
        for handle, backend in self._opened:
            backend.give_up()
            handle.close()

    def handle(self, method: str = "open", *args: Any) -> StorageBackend:
        handle = super().handle(method, *args)
        self._opened.append((handle, self._last))
        return handle

    def open(self) -> AsyncStorageBackend:
        self._last = self._backend()
        return self._last

    def open_fresh(self, token: str) -> AsyncStorageBackend:
        self._last = self._backend(self._fresh.setdefault(token, {}))
        return self._last

    def dispose_fresh(self, token: str) -> None:
        self._fresh.pop(token, None)


def _cancel_all_operations(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        if "_until_stopped" not in repr(task.get_coro()):  # the loop's own end
            task.cancel()


def key_of(record: TaskRecord) -> Key:
    return record.owner_id, record.task_id
