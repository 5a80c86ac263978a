"""to_sync: an asynchronous backend used from threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    AsyncTaskStore,
    BackendError,
    GenericTaskStore,
    InMemoryBackend,
    NotFoundError,
    StorageBackend,
    VersionedRecord,
    to_sync,
)
from pmcp_storage.aio import loop_thread
from support.async_memory import AsyncMemory, running_threads
from support.records import make_record
from support.store_support import expired


def test_a_sync_adapter_has_every_operation(backend: StorageBackend) -> None:
    record = make_record()
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


class OwnPages(AsyncMemory):
    """Reads what it iterates over by itself, in steps of seven records."""

    async def _pages(self, owner_id: str) -> AsyncIterator[VersionedRecord]:
        while page := await self.list_by_owner(owner_id, limit=7, after=self.last):
            for found in page:
                self.last = found.record.task_id
                yield found

    last: str | None = None


def test_a_sync_adapter_iterates_as_its_backend_does() -> None:
    with to_sync(wrapped := OwnPages()) as backend:
        ids = [f"{number:03}" for number in range(205)]
        for task_id in ids:
            backend.create(make_record(task_id))
        entries = backend.iter_by_owner("o")
        assert wrapped.last is None
        assert [found.record.task_id for found in entries] == ids[::-1]
        assert wrapped.last == "000"


def test_a_sync_adapter_starts_one_thread_on_first_use_and_ends_it() -> None:
    before = running_threads()
    wrapped = AsyncMemory()
    backend = to_sync(wrapped)
    assert running_threads() == before
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: backend.create(make_record(str(number))), range(64)))
    assert len(running_threads() - before) == len(wrapped.threads) == 1
    assert len(backend.list_by_owner("o")) == 64
    backend.close()
    backend.close()
    assert (running_threads(), wrapped.closed) == (before, 1)
    with pytest.raises(BackendError, match="closed"):
        backend.get("o", "t")


def test_an_unused_sync_adapter_closes_its_backend() -> None:
    wrapped = AsyncMemory()
    to_sync(wrapped).close()
    assert wrapped.closed == 1


def test_a_sync_adapter_works_where_an_event_loop_is_running(backend: StorageBackend) -> None:
    async def scenario() -> int:
        return backend.create(make_record())

    assert asyncio.run(scenario()) == 1


def test_close_lets_pending_calls_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = AsyncMemory()
    wrapped.memory.create(make_record())
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


def test_a_call_after_close_is_refused() -> None:
    backend = to_sync(AsyncMemory())
    backend.close()
    with pytest.raises(BackendError, match="this backend is closed"):
        backend._get("o", "t")  # as one that had passed the check before


def test_concurrent_calls_and_a_close_neither_hang_nor_leak() -> None:
    for _ in range(20):
        wrapped = AsyncMemory()
        wrapped.memory.create(make_record())
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


def test_the_thread_ends_even_if_close_fails() -> None:
    class Stuck(AsyncMemory):
        async def _close(self) -> None:
            raise BackendError("stuck")

    backend = to_sync(Stuck())
    with pytest.raises(BackendError, match="stuck"):
        backend.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_is_asked_to_open_a_handle_of_its_own(backend: StorageBackend) -> None:
    backend.create(make_record())
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


def test_only_async_backends_can_be_adapted() -> None:
    backend: Any = InMemoryBackend()
    with pytest.raises(TypeError, match="takes an AsyncStorageBackend, not InMemoryBackend"):
        to_sync(backend)
    with pytest.raises(TypeError, match="see to_sync"):
        GenericTaskStore(AsyncMemory())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a StorageBackend or an AsyncStorageBackend"):
        AsyncTaskStore(object())  # type: ignore[arg-type]
