"""From sync to async: a StorageBackend for code that awaits its operations.

`in_threads` is for event loops; `as_async` is, too, and takes async backends as well. `at_once` is
for code without an event loop: each operation is carried out when it is called, so that a coroutine
over it never waits and `run_at_once` runs it to its end. This is how one task store serves both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import StorageBackend, VersionedRecord
from pmcp_storage.records import TaskRecord

P = ParamSpec("P")
T = TypeVar("T")


def as_async(backend: StorageBackend | AsyncStorageBackend) -> AsyncStorageBackend:
    """The backend itself if it is async, and otherwise what `in_threads` makes of it.

    Raises TypeError for what is no backend.
    """
    if isinstance(backend, AsyncStorageBackend):
        return backend
    if isinstance(backend, StorageBackend):
        return in_threads(backend)
    kind = type(backend).__name__
    raise TypeError(f"backend must be a StorageBackend or an AsyncStorageBackend, not {kind}")


def in_threads(backend: StorageBackend) -> AsyncStorageBackend:
    """An async backend whose operations run in threads of the event loop's default executor.

    An operation that is cancelled still runs to its end in its thread.
    """
    return _AsyncBackend(backend, asyncio.to_thread)


def at_once(backend: StorageBackend) -> AsyncStorageBackend:
    """An async backend whose operations block until they are done, for `run_at_once`."""
    return _AtOnce(backend, _call)


async def pause(backend: AsyncStorageBackend, seconds: float) -> None:
    """Wait for some seconds as the backend's operations do: blocking only where they block."""
    if isinstance(backend, _AtOnce):
        time.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


def run_at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, without an event loop.

    Raises RuntimeError for one that does wait.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    coroutine.close()
    raise RuntimeError("this coroutine waits for something, and no event loop is running it")


class _Caller(Protocol):
    async def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function, and return what it returns."""


async def _call(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)


class _AsyncBackend(AsyncStorageBackend):
    def __init__(self, backend: StorageBackend, call: _Caller) -> None:
        self._backend = backend
        self._call = call

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return await self._call(self._backend.get, owner_id, task_id)

    async def _create(self, record: TaskRecord) -> int:
        return await self._call(self._backend.create, record)

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return await self._call(self._backend.put_if_version, record, expected_version)

    async def _put(self, record: TaskRecord) -> int:
        return await self._call(self._backend.put, record)

    async def _delete(self, owner_id: str, task_id: str) -> bool:
        return await self._call(self._backend.delete, owner_id, task_id)

    async def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return await self._call(self._backend.list_by_owner, owner_id, limit=limit, after=after)

    async def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return await self._call(
            self._backend.count_by_owner, owner_id, live_at=live_at, at_most=at_most
        )

    async def _cleanup_expired(self) -> int:
        return await self._call(self._backend.cleanup_expired)

    async def _close(self) -> None:
        await self._call(self._backend.close)


class _AtOnce(_AsyncBackend):
    """One whose operations block until they are done."""
