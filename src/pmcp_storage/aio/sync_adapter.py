"""From async to sync: `to_sync` makes a StorageBackend of an async one.

With it, everything that takes a StorageBackend takes any backend.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime

from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.aio.loop_thread import LoopThread
from pmcp_storage.backend import PAGE, StorageBackend, VersionedRecord
from pmcp_storage.records import TaskRecord


def to_sync(backend: AsyncStorageBackend) -> StorageBackend:
    """A StorageBackend over an async one, usable from any number of threads.

    Its operations block the calling thread while they run on an event loop of their own, in one
    background thread that the first of them starts. close lets those under way finish, closes
    the async backend and ends the thread. The async backend must not be used elsewhere, because
    connections belong to the event loop that opened them; nor in a process forked afterwards,
    where the thread does not exist. Raises TypeError for anything but an AsyncStorageBackend.
    """
    if not isinstance(backend, AsyncStorageBackend):
        kind = type(backend).__name__
        raise TypeError(f"to_sync takes an AsyncStorageBackend, not {kind}")
    return _SyncBackend(backend)


class _SyncBackend(StorageBackend):
    def __init__(self, backend: AsyncStorageBackend) -> None:
        self._backend = backend
        self._loop = LoopThread()

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return self._loop.run(self._backend.get, owner_id, task_id)

    def _create(self, record: TaskRecord) -> int:
        return self._loop.run(self._backend.create, record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return self._loop.run(self._backend.put_if_version, record, expected_version)

    def _put(self, record: TaskRecord) -> int:
        return self._loop.run(self._backend.put, record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return self._loop.run(self._backend.delete, owner_id, task_id)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return self._loop.run(self._backend.list_by_owner, owner_id, limit=limit, after=after)

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        entries = self._backend.iter_by_owner(owner_id)
        while some := self._loop.run(_next_entries, entries):
            yield from some

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return self._loop.run(
            self._backend.count_by_owner, owner_id, live_at=live_at, at_most=at_most
        )

    def _cleanup_expired(self) -> int:
        return self._loop.run(self._backend.cleanup_expired)

    def _close(self) -> None:
        self._loop.end_with(self._backend.close)


async def _next_entries(entries: AsyncIterator[VersionedRecord]) -> list[VersionedRecord]:
    """The entries that come next, none at the end: a page, as every call changes threads twice."""
    some = list[VersionedRecord]()
    async for found in entries:
        some.append(found)
        if len(some) == PAGE:
            break
    return some
