"""Async backends whose coroutines go step by step, from one wait to the next.

The kit calls an async backend from threads, through `to_sync`. Its coroutines run in the thread of
an event loop, where nothing of the kit would see them; so each of them is driven here, and a
`Stepper` says under what it is resumed, and what comes before it goes on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from types import FrameType
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from pmcp_storage import AsyncStorageBackend, StorageBackend, to_sync
from pmcp_storage.backend import VersionedRecord
from pmcp_storage.records import TaskRecord

T = TypeVar("T")

AnyCoroutine = Coroutine[Any, Any, Any]


class Stepper(Protocol):
    """What happens around the steps of a coroutine."""

    def resume(self, coroutine: AnyCoroutine, step: Callable[[], T]) -> T:
        """Let the coroutine go on, by calling `step`, until it next waits or ends."""

    def hold(self, coroutine: AnyCoroutine) -> Awaitable[object] | None:
        """What is awaited before the coroutine goes on, now that what it waited for is there."""


_stepper: ContextVar[Stepper | None] = ContextVar("stepper", default=None)

_caller: ContextVar[int] = ContextVar("caller", default=0)

_everywhere: Stepper | None = None
"""The stepper of operations that have none of their own."""

_under_way: dict[int, AnyCoroutine] = {}
"""The coroutines of the operations under way, by the thread that has called each of them."""

_loop_threads: set[int] = set()

_async_backends: WeakKeyDictionary[StorageBackend, AsyncStorageBackend] = WeakKeyDictionary()


def to_sync_in_steps(backend: AsyncStorageBackend) -> StorageBackend:
    """As `to_sync`; what the calling thread has chosen by `stepping` steps the coroutines."""
    handle = to_sync(_SteppedBackend(backend))
    _async_backends[handle] = backend
    return handle


def authors_object(handle: StorageBackend) -> StorageBackend | AsyncStorageBackend:
    """The object that an author's code has made: the async backend, where the handle has one."""
    return _async_backends.get(handle, handle)


def is_async(handle: StorageBackend) -> bool:
    """Whether the handle's operations are coroutines."""
    return handle in _async_backends


def loop_threads() -> set[int]:
    """The system's numbers of the threads in which event loops run such coroutines."""
    return _loop_threads.copy()


@contextmanager
def stepping(stepper: Stepper) -> Iterator[None]:
    """Step the coroutines of the operations that this thread calls."""
    token = _stepper.set(stepper)
    try:
        yield
    finally:
        _stepper.reset(token)


@contextmanager
def stepping_everywhere(stepper: Stepper) -> Iterator[None]:
    """Step all other coroutines as well, whichever thread calls their operations."""
    global _everywhere
    _everywhere = stepper
    try:
        yield
    finally:
        _everywhere = None


@contextmanager
def known_caller() -> Iterator[None]:
    """Let `stack_of_operation` find the coroutine of the operation that this thread calls."""
    token = _caller.set(threading.get_ident())
    try:
        yield
    finally:
        _caller.reset(token)


def stack_of_operation(thread: int) -> list[FrameType]:
    """Where the coroutine of the operation is that this thread has called, from the outermost call
    to the innermost; empty where there is none."""
    coroutine = _under_way.get(thread)
    return [] if coroutine is None else waiting_frames(coroutine)


def waiting_frames(awaited: Any) -> list[FrameType]:
    """The frames of a coroutine that waits, and of what it waits for, the innermost last."""
    frames = list[FrameType]()
    while awaited is not None:
        if isinstance(awaited, asyncio.Task):
            awaited = awaited.get_coro()
        for kind in ("cr", "gi", "ag"):
            if frame := getattr(awaited, f"{kind}_frame", None):
                frames.append(frame)
        awaited = next(
            (
                getattr(awaited, name)
                for name in ("cr_await", "gi_yieldfrom", "ag_await")
                if hasattr(awaited, name)
            ),
            None,
        )
    return frames


class _Steps:
    """A coroutine to be awaited in its place."""

    def __init__(self, coroutine: AnyCoroutine, stepper: Stepper) -> None:
        self._coroutine = coroutine
        self._stepper = stepper

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = partial(self._coroutine.send, None)
        while True:
            try:
                waited_for = self._stepper.resume(self._coroutine, step)
            except StopIteration as done:
                return done.value
            step = yield from self._next_step(waited_for)

    def _next_step(self, waited_for: Any) -> Generator[Any, Any, Callable[[], Any]]:
        try:
            answer = yield waited_for
            hold = self._stepper.hold(self._coroutine)
            if hold is not None:
                yield from hold.__await__()
        except BaseException as error:  # a cancellation, which is the coroutine's to see
            return partial(self._coroutine.throw, error)
        return partial(self._coroutine.send, answer)


async def _in_steps(coroutine: Coroutine[Any, Any, T]) -> T:
    stepper = _stepper.get() or _everywhere
    if stepper is None:
        return await coroutine
    found: T = await _Steps(coroutine, stepper)
    return found


def _stepped_task(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
) -> asyncio.Task[Any]:
    """A task of the backend's own making, stepped like the operation that it works for."""
    task = asyncio.Task(_in_steps(coroutine), loop=loop, **options)
    task.add_done_callback(lambda _: coroutine.close())  # one that was cancelled before it began
    return task


class _SteppedBackend(AsyncStorageBackend):
    """The operations of an async backend, each of them stepped."""

    def __init__(self, backend: AsyncStorageBackend) -> None:
        self._backend = backend

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return await self._run(self._backend.get(owner_id, task_id))

    async def _create(self, record: TaskRecord) -> int:
        return await self._run(self._backend.create(record))

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return await self._run(self._backend.put_if_version(record, expected_version))

    async def _put(self, record: TaskRecord) -> int:
        return await self._run(self._backend.put(record))

    async def _delete(self, owner_id: str, task_id: str) -> bool:
        return await self._run(self._backend.delete(owner_id, task_id))

    async def _list_by_owner(self, owner_id: str, **options: Any) -> list[VersionedRecord]:
        return await self._run(self._backend.list_by_owner(owner_id, **options))

    async def _pages(self, owner_id: str) -> AsyncIterator[VersionedRecord]:
        entries = self._backend.iter_by_owner(owner_id)
        with suppress(StopAsyncIteration):
            while True:
                yield await self._run(_next_of(entries))

    async def _count_by_owner(self, owner_id: str, **options: Any) -> int:
        return await self._run(self._backend.count_by_owner(owner_id, **options))

    async def _cleanup_expired(self) -> int:
        return await self._run(self._backend.cleanup_expired())

    async def _close(self) -> None:
        await self._run(self._backend.close())
        _loop_threads.discard(threading.get_native_id())

    async def _run(self, operation: Coroutine[Any, Any, T]) -> T:
        loop, caller = asyncio.get_running_loop(), _caller.get()
        if loop.get_task_factory() is None:
            loop.set_task_factory(_stepped_task)
            _loop_threads.add(threading.get_native_id())
        _under_way[caller] = operation
        try:
            return await _in_steps(operation)
        finally:
            with suppress(KeyError):
                del _under_way[caller]


async def _next_of(entries: AsyncIterator[T]) -> T:
    return await anext(entries)
