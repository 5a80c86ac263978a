"""Task stores for the rules, over a backend that counts the requests that they send."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    InMemoryBackend,
    StorageBackend,
    StorageError,
    StoreConfig,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.aio.loop_thread import LoopThread

T = TypeVar("T")

_THREADS = 32
"""In which the stores for event loops call the backend: more than any rule lets race."""


class CountingBackend(StorageBackend):
    """A StorageBackend that passes everything on to a recorded handle.

    `requests` counts the operations by name and `rows` the records that listings returned;
    `after_get` is called after each get that found a record. An operation that is named in
    `failures` raises the error and is not made; one that is named in `lost_answers` is made, and
    raises it then; one that is named in `lost_requests` is not made the first time, and raises it.
    `before_loss` is called before either. Every key that is written is noted in `keys`, so that it
    is cleaned up.
    """

    def __init__(self, handle: RecordedBackend, keys: dict[tuple[str, str], None]) -> None:
        self._handle = handle
        self._keys = keys
        self.requests: Counter[str] = Counter()
        self.rows = 0
        self.after_get: Callable[[], object] | None = None
        self.failures: dict[str, StorageError] = {}
        self.lost_answers: dict[str, StorageError] = {}
        self.lost_requests: dict[str, StorageError] = {}
        self.before_loss: Callable[[], object] | None = None

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        self._begin("get")
        found = self._handle.get(owner_id, task_id)
        if self.after_get is not None:
            self.after_get()
        return found

    def _create(self, record: TaskRecord) -> int:
        self._begin("create", record)
        return self._answered("create", self._handle.create(record))

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self._begin("put_if_version", record)
        version = self._handle.put_if_version(record, expected_version)
        return self._answered("put_if_version", version)

    def _put(self, record: TaskRecord) -> int:
        self._begin("put", record)
        return self._answered("put", self._handle.put(record))

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._begin("delete")
        return self._answered("delete", self._handle.delete(owner_id, task_id))

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        self._begin("list_by_owner")
        found = self._handle.list_by_owner(owner_id, limit=limit, after=after)
        self.rows += len(found)
        return found

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        self._begin("count_by_owner")
        return self._handle.count_by_owner(owner_id, live_at=live_at, at_most=at_most)

    def _cleanup_expired(self) -> int:
        self._begin("cleanup_expired")
        return self._handle.cleanup_expired()

    def _begin(self, operation: str, record: TaskRecord | None = None) -> None:
        self.requests[operation] += 1
        if operation in self.failures:
            raise self.failures[operation]
        if operation in self.lost_requests:
            self._lose(self.lost_requests.pop(operation))
        if record is not None:
            self._keys[record.owner_id, record.task_id] = None

    def _answered(self, operation: str, answer: T) -> T:
        if operation in self.lost_answers:
            self._lose(self.lost_answers.pop(operation))
        return answer

    def _lose(self, error: StorageError) -> None:
        if self.before_loss is not None:
            self.before_loss()
        raise error


def _awaited(name: str) -> Any:
    """The method of that name, by a thread that waits for it."""

    def call(self: AwaitedStore, /, *args: Any, **kwargs: Any) -> Any:
        return self._loop.run(getattr(self._store, name), *args, **kwargs)

    return call


class AwaitedStore(GenericTaskStore):
    """A store for event loops, for threads that call it and wait: all calls run on one loop."""

    def __init__(
        self,
        kind: type[AsyncTaskStore],
        loop: LoopThread,
        backend: StorageBackend,
        config: StoreConfig,
    ) -> None:
        super().__init__(backend, config)
        self._loop = loop
        self._store = loop.run(_made, kind, backend, config)

    create = _awaited("create")
    get = _awaited("get")
    update_status = _awaited("update_status")
    set_variables = _awaited("set_variables")
    set_result = _awaited("set_result")
    complete_with_result = _awaited("complete_with_result")
    get_result = _awaited("get_result")
    cancel = _awaited("cancel")
    list = _awaited("list")
    delete = _awaited("delete")
    cleanup_expired = _awaited("cleanup_expired")
    change = _awaited("change")
    report_progress = _awaited("report_progress")


async def _made(
    kind: type[AsyncTaskStore], backend: StorageBackend, config: StoreConfig
) -> AsyncTaskStore:
    """A store made on the event loop that it is used on, as in a server."""
    return kind(backend, config)


class StoreBench:
    """Task stores over the backend of a trial, whose requests are counted by `backend`.

    They are the target's: those for event loops where it has a class of its own for them.
    """

    def __init__(self, trial: Trial) -> None:
        self._target = trial.target
        self._cleanup = trial.cleanup
        self.backend = CountingBackend(trial.backend, trial.cleanup.keys)

    def store(self, **settings: Any) -> GenericTaskStore:
        """A task store over `backend`, with these settings; without a quota unless given."""
        return self._made(self.backend, **settings)

    def both(self, **settings: Any) -> list[tuple[str, GenericTaskStore]]:
        """The target's store, and its store for event loops or AsyncTaskStore, over `backend`, each
        with its name. Both are called without awaiting."""
        kind, config = self._target.async_store_class or AsyncTaskStore, store_config(**settings)
        return [
            (self._target.store_class.__name__, self._target.store_class(self.backend, config)),
            (kind.__name__, AwaitedStore(kind, self._loop, self.backend, config)),
        ]

    def store_in_memory(
        self, backend: StorageBackend | None = None, **settings: Any
    ) -> GenericTaskStore:
        """A task store over the reference backend, for what depends on the store alone.

        Its storage is private: owners of any name can be used there.
        """
        return self._made(backend or InMemoryBackend(), **settings)

    def store_over(self, handle: RecordedBackend) -> GenericTaskStore:
        """A task store over a further handle."""
        return self._made(CountingBackend(handle, self._cleanup.keys))

    def _made(self, backend: StorageBackend, **settings: Any) -> GenericTaskStore:
        config, kind = store_config(**settings), self._target.async_store_class
        if kind is None:
            return self._target.store_class(backend, config)
        return AwaitedStore(kind, self._loop, backend, config)

    @cached_property
    def _loop(self) -> LoopThread:
        loop = LoopThread()
        loop.run(_serve_many)
        self._cleanup.call_last(partial(loop.end_with, _end))
        return loop


async def _serve_many() -> None:
    """Let the loop have a thread for each call of a race, and not as many as this machine would."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))


async def _end() -> None:
    """Nothing is left to be closed: the stores close no backend."""


def store_config(**settings: Any) -> StoreConfig:
    """A configuration with these settings; without a quota unless given."""
    return StoreConfig(**{"max_tasks_per_owner": None, **settings})
