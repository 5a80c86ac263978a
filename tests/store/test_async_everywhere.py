"""Async stores and `to_sync`: cancelled, on several event loops, on loops that close, in forks."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pmcp_storage import (
    AsyncTaskStore,
    BackendError,
    GenericTaskStore,
    InMemoryBackend,
    SqliteBackend,
    StorageBackend,
    StoreConfig,
    to_sync,
)
from pmcp_storage.aio.async_adapter import _AsyncBackend, in_threads
from support.records import make_record

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

UNLIMITED = StoreConfig(max_tasks_per_owner=None)


@pytest.fixture(params=["memory", "sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorageBackend]:
    kinds: dict[str, Callable[[], StorageBackend]] = {
        "memory": InMemoryBackend,
        "sqlite": lambda: SqliteBackend(tmp_path / "tasks.db", busy_timeout=2),
    }
    with kinds[request.param]() as backend:
        yield backend


def in_child(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(30)
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def life(store: AsyncTaskStore) -> None:
    made = await store.create("o", "tools/call")
    assert await store.get("o", made.record.task_id) == made
    assert await store.delete("o", made.record.task_id)


def test_cancelled_calls_leave_nothing_behind(backend: StorageBackend) -> None:
    async def scenario() -> None:
        store = AsyncTaskStore(backend, UNLIMITED)
        for turns in range(12):
            calls = [asyncio.ensure_future(life(store)) for _ in range(4)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        await life(store)

    asyncio.run(scenario())
    backend.put(make_record())
    assert in_child(lambda: backend.put(make_record())) == 0


def test_one_store_on_several_loops_that_close(backend: StorageBackend) -> None:
    store = AsyncTaskStore(backend, UNLIMITED)
    for _ in range(3):
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: asyncio.run(life(store)), range(8)))
    assert backend.count_by_owner("o", live_at=datetime.now(UTC)) == 0


def test_a_store_on_a_loop_works_in_children(backend: StorageBackend) -> None:
    store = AsyncTaskStore(backend, UNLIMITED)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            asyncio.run(life(store))

    with ThreadPoolExecutor(2) as threads:
        served = [threads.submit(serve) for _ in range(2)]
        try:
            for _ in range(10):
                assert in_child(lambda: asyncio.run(life(store))) == 0
        finally:
            stop.set()
        for each in served:
            each.result()


class SlowToClose(_AsyncBackend):
    """A backend whose first close takes too long."""

    closes = 0

    async def _close(self) -> None:
        self.closes += 1
        if self.closes == 1:
            await asyncio.sleep(3600)


def test_an_async_close_that_was_cancelled_can_be_repeated() -> None:
    async def scenario() -> None:
        backend = SlowToClose(InMemoryBackend(), asyncio.to_thread)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(backend.close(), 0.01)
        await backend.close()
        assert backend.closes == 2
        with pytest.raises(BackendError, match="closed"):
            await backend.get("o", "t")

    asyncio.run(scenario())


def test_to_sync_refuses_at_once_in_a_child_and_works_on_in_the_parent() -> None:
    stop = threading.Event()
    with to_sync(in_threads(InMemoryBackend())) as backend:
        store = GenericTaskStore(backend, UNLIMITED)

        def use() -> None:
            while not stop.is_set():
                store.delete("o", store.create("o", "tools/call").record.task_id)

        def work() -> None:
            with backend, pytest.raises(BackendError, match="open another handle after the fork"):
                backend.get("o", "t")
            with to_sync(in_threads(InMemoryBackend())) as another:
                assert another.create(make_record()) == 1

        backend.create(make_record())
        with ThreadPoolExecutor(4) as threads:
            used = [threads.submit(use) for _ in range(4)]
            try:
                for _ in range(20):
                    assert in_child(work) == 0
            finally:
                stop.set()
            for each in used:
                each.result()
        assert backend.get("o", "t").version == 1


def test_to_sync_before_its_first_use_works_in_children() -> None:
    backend = to_sync(in_threads(InMemoryBackend()))

    def work() -> None:
        with backend:
            assert backend.create(make_record()) == 1

    assert in_child(work) == 0
    assert in_child(work) == 0
    work()
