"""The async doors: a backend whose operations are coroutines, and the ways between both kinds.

`AsyncStorageBackend` is the interface of `StorageBackend` with coroutines; its operations are the
same code, so that both check the same. `to_sync` makes a StorageBackend of an async one, so that
everything that takes the one takes the other. The task store for event loops is `AsyncTaskStore`
in `store`.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, wait
from datetime import datetime
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, cast

from pmcp_storage.backend import _PUT_ATTEMPTS, PAGE, StorageBackend, VersionedRecord
from pmcp_storage.errors import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
)
from pmcp_storage.records import TaskRecord

P = ParamSpec("P")
T = TypeVar("T")


def _as_coroutine(
    operation: Callable[Concatenate[StorageBackend, P], T],
) -> Callable[Concatenate[AsyncStorageBackend, P], Coroutine[Any, Any, T]]:
    """The operation of a StorageBackend, as one of an AsyncStorageBackend.

    An operation checks its arguments and then returns what the author's underscored method
    returns: here a coroutine, which remains to be awaited.
    """

    @wraps(operation)
    async def coroutine(self: AsyncStorageBackend, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return cast(T, await cast(Any, operation)(self, *args, **kwargs))

    return coroutine


class AsyncStorageBackend(ABC):
    """A handle on a storage of task records, for event loops. Close it when done.

    Every operation is a coroutine with the arguments, checks, results and errors of the
    StorageBackend's operation of that name. An author writes the underscored methods as
    coroutines, under the same contract. An operation that is cancelled while it writes may or
    may not have written.
    """

    _closed = False

    get = _as_coroutine(StorageBackend.get)
    create = _as_coroutine(StorageBackend.create)
    put_if_version = _as_coroutine(StorageBackend.put_if_version)
    put = _as_coroutine(StorageBackend.put)
    delete = _as_coroutine(StorageBackend.delete)
    list_by_owner = _as_coroutine(StorageBackend.list_by_owner)
    count_by_owner = _as_coroutine(StorageBackend.count_by_owner)
    cleanup_expired = _as_coroutine(StorageBackend.cleanup_expired)

    def iter_by_owner(self, owner_id: str) -> AsyncIterator[VersionedRecord]:
        """Yield all records of the owner in the order of `list_by_owner`, page by page.

        Raises what `list_by_owner` raises, for the arguments at once.
        """
        pages: Any = StorageBackend.iter_by_owner(cast(Any, self), owner_id)
        return cast(AsyncIterator[VersionedRecord], pages)

    async def close(self) -> None:
        """End this handle, and free what it opened itself. The second time does nothing."""
        if not self._closed:
            self._closed = True
            await self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _check_open(self) -> None:
        StorageBackend._check_open(cast(Any, self))

    async def _pages(self, owner_id: str) -> AsyncIterator[VersionedRecord]:
        after = None
        while True:
            page = await self.list_by_owner(owner_id, limit=PAGE, after=after)
            for found in page:
                yield found
            if len(page) < PAGE:
                return
            after = page[-1].record.task_id

    @abstractmethod
    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord: ...

    @abstractmethod
    async def _create(self, record: TaskRecord) -> int: ...

    @abstractmethod
    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int: ...

    @abstractmethod
    async def _delete(self, owner_id: str, task_id: str) -> bool: ...

    @abstractmethod
    async def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]: ...

    @abstractmethod
    async def _cleanup_expired(self) -> int: ...

    async def _put(self, record: TaskRecord) -> int:
        """Read the version, then compare and swap, until one holds; see StorageBackend."""
        for _ in range(_PUT_ATTEMPTS):
            try:
                return await self._put_once(record)
            except (AlreadyExistsError, ConcurrentModificationError, NotFoundError):
                continue
        raise BackendError(
            f"put of task {record.task_id!r} gave up: in each of {_PUT_ATTEMPTS} attempts the "
            "stored version changed between reading and writing it"
        )

    async def _put_once(self, record: TaskRecord) -> int:
        try:
            version = (await self._get(record.owner_id, record.task_id)).version
        except NotFoundError:
            return await self._create(record)
        return await self._put_if_version(record, version)

    async def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        count = 0
        async for found in self._pages(owner_id):
            if live_at is None or not found.record.is_expired(live_at):
                count += 1
            if count == at_most:
                break
        return count

    async def _close(self) -> None:  # noqa: B027 - many handles hold nothing to free
        """Free what the handle opened itself; called once."""


def to_sync(backend: AsyncStorageBackend) -> StorageBackend:
    """A StorageBackend over an async one, usable from any thread, also from many at once.

    Its operations block the calling thread while they run on an event loop of their own, in one
    background thread that the first of them starts. close lets those under way finish, closes
    the async backend and ends the thread. The async backend must not be used elsewhere, because
    connections belong to the event loop that opened them; nor from a process forked afterwards,
    which the thread does not follow. Raises TypeError for anything but an AsyncStorageBackend.
    """
    if not isinstance(backend, AsyncStorageBackend):
        kind = type(backend).__name__
        raise TypeError(f"to_sync takes an AsyncStorageBackend, not {kind}")
    return _SyncBackend(backend)


class _SyncBackend(StorageBackend):
    def __init__(self, backend: AsyncStorageBackend) -> None:
        self._backend = backend
        self._loop = _LoopThread()

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


class _LoopThread:
    """An event loop in a thread of its own, which the first call starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: set[Future[Any]] = set()
        self._thread: threading.Thread | None = None
        self._ended = False

    def run(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self._lock:
            if self._ended:
                raise BackendError("this backend is closed: open another handle")
            future = self._submit(function, *args, **kwargs)
        return _outcome(future)

    def end_with(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let the calls under way finish, run `function` as the last one, end the thread."""
        with self._lock:
            self._ended = True
            under_way = set(self._under_way)
        wait(under_way)
        try:
            _outcome(self._submit(function))
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._started().join()

    def _submit(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        if not self._started().is_alive():
            raise BackendError(
                "the event loop of this backend runs in the process that forked this one: "
                "open another handle after the fork"
            )
        future = asyncio.run_coroutine_threadsafe(function(*args, **kwargs), self._loop)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def _started(self) -> threading.Thread:
        if self._thread is None:
            self._loop, self._stop = asyncio.new_event_loop(), asyncio.Event()
            self._thread = threading.Thread(target=self._serve, name="pmcp-storage", daemon=True)
            self._thread.start()
        return self._thread

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._stop.wait())


def _outcome(future: Future[T]) -> T:
    try:
        return future.result()
    except BaseException:
        # Also where the waiting was interrupted: nobody is left to take the outcome.
        future.cancel()
        raise


class Call(Protocol):
    """How the operations of a backend are carried out on an event loop, or without one."""

    async def __call__(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Await what the operation returns."""


async def call_async(operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Await an async backend's operation, which the type takes for a sync one's."""
    return cast(T, await cast(Any, operation)(*args, **kwargs))


async def call_at_once(operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Carry out a sync backend's operation on the spot: for `run_at_once`."""
    return operation(*args, **kwargs)


def run_at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    coroutine.close()
    raise RuntimeError("this coroutine waits for something, and no event loop is running it")
