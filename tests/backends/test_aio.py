"""The async doors: async backends, the way to a sync one, and the store for event loops."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    AsyncStorageBackend,
    AsyncTaskStore,
    BackendError,
    ConcurrentModificationError,
    GenericTaskStore,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    StorageBackend,
    TaskConflictError,
    TaskNotFoundError,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
    to_sync,
)
from pmcp_storage.aio import loop_thread
from pmcp_storage.aio.async_adapter import run_at_once
from support.store_support import expired, make


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


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threads()
    yield
    assert threads() - before == set()


@pytest.fixture
def backend() -> Iterator[StorageBackend]:
    with to_sync(AsyncMemory()) as backend:
        yield backend


def test_the_operations_of_an_async_backend() -> None:
    async def scenario() -> None:
        async with AsyncMemory() as backend:
            record = make()
            assert await backend.create(record) == 1
            assert await backend.get("o", "t") == VersionedRecord(record, 1)
            assert await backend.put_if_version(record, 1) == 2
            assert await backend.put(record) == 3
            assert await backend.put(make("new")) == 1
            with pytest.raises(ConcurrentModificationError):
                await backend.put_if_version(record, 1)
            await backend.create(expired("old"))
            listed = await backend.list_by_owner("o", limit=2)
            assert [found.record.task_id for found in listed] == ["t", "old"]
            assert [found.version async for found in backend.iter_by_owner("o")] == [3, 1, 1]
            assert await backend.count_by_owner("o") == 3
            assert await backend.count_by_owner("o", live_at=datetime.now(UTC)) == 2
            assert await backend.count_by_owner("o", at_most=1) == 1
            assert await backend.cleanup_expired() == 1
            assert await backend.delete("o", "t") is True
        assert backend.closed == 1

    asyncio.run(scenario())


def test_iterating_pages_through_all_records() -> None:
    async def scenario() -> list[str]:
        backend = AsyncMemory()
        for number in range(250):
            backend.memory.create(make(f"{number:03}"))
        return [found.record.task_id async for found in backend.iter_by_owner("o")]

    assert asyncio.run(scenario()) == [f"{number:03}" for number in range(249, -1, -1)]


WRONG: dict[str, Callable[[Any], Any]] = {
    "get": lambda backend: backend.get("", "t"),
    "get, type": lambda backend: backend.get(5, "t"),
    "create": lambda backend: backend.create({}),
    "put": lambda backend: backend.put(None),
    "put_if_version": lambda backend: backend.put_if_version(make(), 0),
    "put_if_version, bool": lambda backend: backend.put_if_version(make(), True),
    "delete": lambda backend: backend.delete("o", "nul\0"),
    "list_by_owner": lambda backend: backend.list_by_owner("o", limit=0),
    "list_by_owner, after": lambda backend: backend.list_by_owner("o", after=""),
    "iter_by_owner": lambda backend: backend.iter_by_owner(""),
    "count_by_owner": lambda backend: backend.count_by_owner("o", live_at=datetime(2026, 1, 1)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_an_async_backend_checks_what_a_sync_one_checks(call: Callable[[Any], Any]) -> None:
    async def asynchronously() -> None:
        await call(AsyncMemory())

    with pytest.raises((TypeError, ValueError)) as expected:
        call(InMemoryBackend())
    with pytest.raises((TypeError, ValueError)) as observed:
        asyncio.run(asynchronously())
    assert (observed.type, str(observed.value)) == (expected.type, str(expected.value))


def test_both_kinds_of_backend_have_the_same_operations() -> None:
    public = {name for name in vars(StorageBackend) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncStorageBackend) if not name.startswith("_")}
    abstract = StorageBackend.__abstractmethods__
    assert abstract == AsyncStorageBackend.__abstractmethods__
    for name in public - {"close", "iter_by_owner"}:
        assert getattr(AsyncStorageBackend, name).__doc__ == getattr(StorageBackend, name).__doc__


def test_a_closed_async_backend_refuses() -> None:
    async def scenario() -> None:
        backend = AsyncMemory()
        await backend.close()
        await backend.close()
        assert backend.closed == 1
        with pytest.raises(BackendError, match="this AsyncMemory is closed"):
            await backend.get("o", "t")

    asyncio.run(scenario())


def test_a_put_that_never_holds_gives_up() -> None:
    class Contended(AsyncMemory):
        async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
            raise ConcurrentModificationError("o", "t", expected_version, expected_version + 1)

    async def scenario() -> None:
        backend = Contended()
        await backend.create(make())
        with pytest.raises(BackendError, match="gave up"):
            await backend.put(make())

    asyncio.run(scenario())


def test_a_sync_door_does_everything(backend: StorageBackend) -> None:
    record = make()
    assert backend.create(record) == 1
    with pytest.raises(AlreadyExistsError):
        backend.create(record)
    assert backend.put_if_version(record, 1) == 2
    assert backend.put(record) == 3
    assert backend.get("o", "t") == VersionedRecord(record, 3)
    backend.create(expired("old"))
    assert [found.version for found in backend.list_by_owner("o", limit=1)] == [3]
    assert [found.record.task_id for found in backend.iter_by_owner("o")] == ["t", "old"]
    assert backend.count_by_owner("o", live_at=datetime.now(UTC), at_most=5) == 1
    assert backend.cleanup_expired() == 1
    assert (backend.delete("o", "t"), backend.delete("o", "t")) == (True, False)
    with pytest.raises(NotFoundError):
        backend.get("o", "t")


def test_a_sync_door_starts_one_thread_when_it_is_used_and_ends_it() -> None:
    before = threads()
    wrapped = AsyncMemory()
    backend = to_sync(wrapped)
    assert threads() == before
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: backend.create(make(str(number))), range(64)))
    assert len(threads() - before) == len(wrapped.threads) == 1
    assert len(backend.list_by_owner("o")) == 64
    backend.close()
    backend.close()
    assert (threads(), wrapped.closed) == (before, 1)
    with pytest.raises(BackendError, match="closed"):
        backend.get("o", "t")


def test_a_sync_door_that_was_never_used_closes_its_backend() -> None:
    wrapped = AsyncMemory()
    to_sync(wrapped).close()
    assert wrapped.closed == 1


def test_a_sync_door_works_where_an_event_loop_is_running(backend: StorageBackend) -> None:
    async def scenario() -> int:
        return backend.create(make())

    assert asyncio.run(scenario()) == 1


def test_closing_lets_calls_under_way_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = AsyncMemory()
    wrapped.memory.create(make())
    gate = wrapped.gate = asyncio.Event()
    backend: Any = to_sync(wrapped)

    def wait_with_the_gate_open(calls: set[Future[Any]]) -> None:
        backend._loop._loop.call_soon_threadsafe(gate.set)
        wait(calls)

    monkeypatch.setattr(loop_thread, "wait", wait_with_the_gate_open)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(backend.get, "o", "t")
        wrapped.entered.wait()
        backend.close()
        assert call.result().version == 1
    assert wrapped.closed == 1


def test_a_call_that_comes_too_late_is_refused() -> None:
    backend = to_sync(AsyncMemory())
    backend.close()
    with pytest.raises(BackendError, match="this backend is closed"):
        backend._get("o", "t")  # as one that had passed the check before


def test_many_closing_and_calling_at_once_neither_hang_nor_leak() -> None:
    for _ in range(20):
        wrapped = AsyncMemory()
        wrapped.memory.create(make())
        backend = to_sync(wrapped)

        def use(number: int, backend: StorageBackend = backend) -> int:
            if number == 7:
                backend.close()
                return 1
            try:
                return backend.get("o", "t").version
            except BackendError:
                return 1

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(use, range(16))) == {1}
        assert wrapped.closed == 1


def test_an_error_while_closing_ends_the_thread_all_the_same() -> None:
    class Stuck(AsyncMemory):
        async def _close(self) -> None:
            raise BackendError("stuck")

    backend = to_sync(Stuck())
    with pytest.raises(BackendError, match="stuck"):
        backend.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_is_told_to_open_its_own(backend: StorageBackend) -> None:
    backend.create(make())
    child = os.fork()
    if child == 0:
        status = 1
        try:
            backend.get("o", "t")
        except BackendError as error:
            status = 0 if "after the fork" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_only_async_backends_have_a_sync_door() -> None:
    backend: Any = InMemoryBackend()
    with pytest.raises(TypeError, match="takes an AsyncStorageBackend, not InMemoryBackend"):
        to_sync(backend)
    with pytest.raises(TypeError, match="see to_sync"):
        GenericTaskStore(AsyncMemory())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a StorageBackend or an AsyncStorageBackend"):
        AsyncTaskStore(object())  # type: ignore[arg-type]


def test_a_coroutine_that_waits_needs_an_event_loop() -> None:
    with pytest.raises(RuntimeError, match="waits for something"):
        run_at_once(asyncio.sleep(0))


async def the_life_of_a_task(store: AsyncTaskStore) -> None:
    made = await store.create("o", "tools/call", variables={"a": 1})
    task_id = made.record.task_id
    assert await store.get("o", task_id) == made
    asked = await store.update_status("o", task_id, TaskStatus.INPUT_REQUIRED, "name?")
    assert asked.record.task.status_message == "name?"
    assert (await store.set_variables("o", task_id, {"b": 2})).record.variables == {"a": 1, "b": 2}
    assert (await store.set_result("o", task_id, 1)).version == 4
    await store.complete_with_result("o", task_id, TaskStatus.COMPLETED, [1])
    assert await store.get_result("o", task_id) == [1]
    other = (await store.create("o", "tools/call")).record.task_id
    assert (await store.cancel("o", other)).record.status is TaskStatus.CANCELLED
    page = await store.list("o", limit=1)
    rest = await store.list("o", cursor=page.next_cursor)
    assert [found.record.task_id for found in page.tasks + rest.tasks] == [other, task_id]
    assert await store.delete("o", other) is True
    assert await store.cleanup_expired() == 0
    with pytest.raises(TaskNotFoundError) as error:
        await store.get("o", other)
    assert isinstance(error.value.__cause__, NotFoundError)


def test_the_store_for_event_loops_over_an_async_backend_stays_on_its_loop() -> None:
    wrapped = AsyncMemory()
    asyncio.run(the_life_of_a_task(AsyncTaskStore(wrapped)))
    assert wrapped.threads == {threading.get_ident()}


def test_the_store_for_event_loops_over_a_sync_backend_blocks_no_loop() -> None:
    used: set[int] = set()

    class Watching(InMemoryBackend):
        def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
            used.add(threading.get_ident())
            return super()._get(owner_id, task_id)

    asyncio.run(the_life_of_a_task(AsyncTaskStore(Watching())))
    assert used
    assert threading.get_ident() not in used


def test_the_store_for_threads_over_an_async_backend(backend: StorageBackend) -> None:
    store = GenericTaskStore(backend)
    task_id = store.create("o", "tools/call").record.task_id
    assert store.cancel("o", task_id).version == 2
    assert store.list("o").tasks == [store.get("o", task_id)]


def test_both_stores_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(GenericTaskStore) == public(AsyncTaskStore)
    for name in public(GenericTaskStore):
        assert getattr(GenericTaskStore, name).__doc__ == getattr(AsyncTaskStore, name).__doc__


def test_changes_at_once_on_an_event_loop_lose_nothing() -> None:
    async def scenario() -> None:
        store = AsyncTaskStore(AsyncMemory())
        await store.create("o", "tools/call", task_id="t")

        async def set_one(number: int) -> None:
            while True:
                try:
                    await store.set_variables("o", "t", {str(number): number})
                    return
                except TaskConflictError:
                    continue

        await asyncio.gather(*map(set_one, range(16)))
        found = await store.get("o", "t")
        assert (found.version, len(found.record.variables)) == (17, 16)

    asyncio.run(scenario())
