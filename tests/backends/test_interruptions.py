"""An exception that strikes an operation anywhere leaves nothing behind, and comes out of it.

Signal handlers raise such exceptions, and so do the soft time limits of task queues and Ctrl-C.
Here a trace function raises one at each line, or at each instruction, of the package in turn.
"""

from __future__ import annotations

import ctypes
import gc
import sqlite3
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pmcp_storage import (
    AsyncStorageBackend,
    GenericTaskStore,
    InMemoryBackend,
    SqliteBackend,
    StorageBackend,
    StoreConfig,
    TaskRecord,
    VersionedRecord,
    to_sync,
)
from support.interruption import TimeLimitReached, each_interruption
from support.processes import fork
from support.records import make_record
from support.store_support import expired

pytestmark = [
    # Python warns of any fork in a process with threads; that it is safe here is what is tested.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    # A connection, or a coroutine, whose very last line was not reached goes with its operation.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]

OPERATIONS: dict[str, Callable[[StorageBackend], object]] = {
    "get": lambda backend: backend.get("o", "t"),
    "get, absent": lambda backend: backend.get("o", "absent"),
    "create and delete": lambda backend: (
        backend.delete("o", "new"),
        backend.create(make_record("new")),
        backend.delete("o", "new"),
    ),
    "put": lambda backend: backend.put(make_record()),
    "put_if_version": lambda backend: backend.put_if_version(
        make_record(), backend.get("o", "t").version
    ),
    "put_if_version, stale": lambda backend: backend.put_if_version(make_record(), 10**9),
    "list_by_owner": lambda backend: backend.list_by_owner("o"),
    "count_by_owner": lambda backend: backend.count_by_owner(
        "o", live_at=datetime.now(UTC), at_most=5
    ),
    "cleanup_expired": lambda backend: (backend.put(expired("old")), backend.cleanup_expired()),
}


@pytest.mark.parametrize("event", ["line", "opcode"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_sqlite(tmp_path: Path, name: str, event: str) -> None:
    path = tmp_path / "tasks.db"
    with SqliteBackend(path, busy_timeout=0) as backend, ThreadPoolExecutor(1) as thread:
        backend.create(make_record())
        for n in each_interruption(event, lambda: OPERATIONS[name](backend)):
            assert_no_transaction_is_open(path)
            if n % 10 == 0:
                backend.put(make_record())
                thread.submit(backend.put, make_record()).result()
            if n % 50 == 0:
                assert fork(lambda: backend.put(make_record())) == 0
    gc.collect()
    assert not path.with_name("tasks.db-wal").exists()  # no connection is open


def assert_no_transaction_is_open(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as db:
        db.execute("BEGIN IMMEDIATE")


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_first_operation_on_a_sqlite_file(tmp_path: Path, name: str) -> None:
    handles = [SqliteBackend(tmp_path / "0.db", busy_timeout=0)]
    for n in each_interruption("line", lambda: OPERATIONS[name](handles[-1])):
        handles[-1].put(make_record())
        handles[-1].close()
        handles.append(SqliteBackend(tmp_path / f"{n}.db", busy_timeout=0))
    handles[-1].close()


def test_an_exception_that_is_kept_keeps_no_lock(tmp_path: Path) -> None:
    kept: list[TimeLimitReached] = []

    def operation() -> None:
        try:
            backend.put(make_record())
        except TimeLimitReached as error:
            kept.append(error)
            raise

    path = tmp_path / "tasks.db"
    with SqliteBackend(path, busy_timeout=0) as backend, ThreadPoolExecutor(1) as thread:
        backend.create(make_record())
        for n in each_interruption("line", operation):
            assert_no_transaction_is_open(path)
            if n % 10 == 0:
                thread.submit(backend.put, make_record()).result()
                assert fork(lambda: backend.put(make_record())) == 0
    assert kept


@pytest.mark.parametrize("event", ["line", "opcode"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_memory(name: str, event: str) -> None:
    backend = InMemoryBackend()
    backend.create(make_record())
    for _ in each_interruption(event, lambda: OPERATIONS[name](backend)):
        let_go(backend)
        listed = backend.list_by_owner("o")
        assert {found.record.task_id for found in listed} <= {"t", "new", "old"}
        assert len(backend.list_by_owner("o", limit=1)) == 1
        backend.put(make_record("new", expires_at=datetime.now(UTC) - timedelta(hours=1)))
        assert backend.cleanup_expired() >= 1
        backend.put(make_record("new"))
        assert {"t", "new"} <= {found.record.task_id for found in backend.list_by_owner("o")}
        assert backend.delete("o", "new")
        assert [found.record.task_id for found in backend.list_by_owner("o")] == ["t"]


def let_go(backend: InMemoryBackend) -> None:
    """Release the lock where it was struck between the body of its `with` and the exit.

    A trace function can strike there. Signals and PyThreadState_SetAsyncExc cannot: CPython looks
    for them after calls and jumps, and takes those within a `with` for a part of its body.
    """
    lock: Any = backend._storage.lock
    while lock._is_owned():
        lock.release()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_exceptions_that_another_thread_raises_here(kind: str, tmp_path: Path) -> None:
    backend = InMemoryBackend() if kind == "memory" else SqliteBackend(tmp_path / "tasks.db", 2)
    backend.create(make_record())
    me, ended, ready = threading.get_ident(), threading.Event(), threading.Semaphore(0)

    def strike() -> None:
        for _ in range(300):
            ready.acquire()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(me), ctypes.py_object(TimeLimitReached)
            )
        ended.set()

    striker = threading.Thread(target=strike)
    striker.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    gc.disable()  # what strikes a callback of the collector, as Hypothesis has one, goes nowhere
    try:
        while not ended.is_set():
            try:
                ready.release()
                while True:
                    backend.put(make_record())
                    backend.get("o", "t")
            except TimeLimitReached:
                continue
    except TimeLimitReached:
        pass
    finally:
        gc.enable()
        sys.setswitchinterval(interval)
    striker.join()
    with ThreadPoolExecutor(1) as thread, backend:
        assert thread.submit(backend.put, make_record()).result(30) > 1
        assert fork(lambda: backend.put(make_record())) == 0


class Waiting(AsyncStorageBackend):
    """InMemoryBackend behind coroutines."""

    def __init__(self) -> None:
        self._memory = InMemoryBackend()

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return self._memory.get(owner_id, task_id)

    async def _create(self, record: TaskRecord) -> int:
        return self._memory.create(record)

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return self._memory.put_if_version(record, expected_version)

    async def _delete(self, owner_id: str, task_id: str) -> bool:
        return self._memory.delete(owner_id, task_id)

    async def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return self._memory.list_by_owner(owner_id, limit=limit, after=after)

    async def _cleanup_expired(self) -> int:
        return self._memory.cleanup_expired()


def test_to_sync_from_its_first_call_to_its_last() -> None:
    backend = to_sync(Waiting())
    before = set(threading.enumerate())

    def operation() -> None:
        nonlocal backend
        backend = to_sync(Waiting())
        backend.put(make_record())
        backend.get("o", "t")
        backend.close()

    for _ in each_interruption("line", operation):
        backend.close()
        for thread in set(threading.enumerate()) - before:
            thread.join(30)
        assert set(threading.enumerate()) <= before


def test_to_sync_goes_on_after_an_interruption() -> None:
    with to_sync(Waiting()) as backend, ThreadPoolExecutor(1) as thread:
        for _ in each_interruption("line", lambda: backend.put(make_record())):
            assert thread.submit(backend.put, make_record()).result(30) >= 1
            assert backend.get("o", "t").version >= 1


STORE_CALLS: dict[str, Callable[[GenericTaskStore], object]] = {
    "create": lambda store: store.create("o", "m", task_id="new"),
    "delete": lambda store: store.delete("o", "t"),
    "list": lambda store: store.list("o"),
}


@pytest.mark.parametrize("name", STORE_CALLS)
def test_a_store(tmp_path: Path, name: str) -> None:
    path = tmp_path / "tasks.db"
    with (
        SqliteBackend(path, busy_timeout=0) as backend,
        SqliteBackend(path, busy_timeout=0) as other,
    ):
        store = GenericTaskStore(backend, StoreConfig(max_tasks_per_owner=3))

        def operation() -> None:
            other.delete("o", "new")
            other.put(make_record())
            STORE_CALLS[name](store)

        for _ in each_interruption("line", operation):
            other.put(make_record())
            store.cancel("o", "t")


def test_a_close_that_was_interrupted_can_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    handles = [SqliteBackend(path)]
    handles[-1].put(make_record())
    for _ in each_interruption("line", lambda: handles[-1].close()):
        handles[-1].close()
        gc.collect()
        assert not path.with_name("tasks.db-wal").exists()
        handles.append(SqliteBackend(path))
        handles[-1].put(make_record())
