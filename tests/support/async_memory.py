"""An asynchronous backend in memory, and the threads of this process."""

from __future__ import annotations

import asyncio
import threading

from pmcp_storage import (
    AsyncStorageBackend,
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
    VersionedRecord,
)


class AsyncMemory(AsyncStorageBackend):
    """The reference backend behind coroutines that do wait, as ones with I/O would."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        self.memory = InMemoryBackend(storage)
        self.threads: set[int] = set()
        self.closed = 0
        self.gate: asyncio.Event | None = None
        self.entered = threading.Event()

    async def wait(self) -> None:
        self.threads.add(threading.get_ident())
        self.entered.set()
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        await self.wait()
        return self.memory.get(owner_id, task_id)

    async def _create(self, record: TaskRecord) -> int:
        await self.wait()
        return self.memory.create(record)

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        await self.wait()
        return self.memory.put_if_version(record, expected_version)

    async def _delete(self, owner_id: str, task_id: str) -> bool:
        await self.wait()
        return self.memory.delete(owner_id, task_id)

    async def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        await self.wait()
        return self.memory.list_by_owner(owner_id, limit=limit, after=after)

    async def _cleanup_expired(self) -> int:
        await self.wait()
        return self.memory.cleanup_expired()

    async def _close(self) -> None:
        await self.wait()
        self.closed += 1


def running_threads() -> set[threading.Thread]:
    return set(threading.enumerate())
