"""A process that forks with handles in use, as preloading servers and task queues do."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from pmcp_storage import (
    BackendError,
    GenericTaskStore,
    InMemoryBackend,
    MemoryStorage,
    SqliteBackend,
    StorageBackend,
    StoreConfig,
)
from pmcp_storage.backends.sqlite import pool
from pmcp_storage.backends.sqlite.pool import Loan
from support.records import make_record

# Python warns of any fork in a process with threads; that it is safe here is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def begin(work: Callable[[], object]) -> int:
    """Fork; the child does its work, or is killed after half a minute. Returns its process id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(30)
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def end(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(params=["memory", "sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorageBackend]:
    kinds: dict[str, Callable[[], StorageBackend]] = {
        "memory": InMemoryBackend,
        "sqlite": lambda: SqliteBackend(tmp_path / "tasks.db"),
    }
    with kinds[request.param]() as backend:
        backend.create(make_record())
        yield backend


@contextmanager
def busy(*operations: Callable[[], object]) -> Iterator[None]:
    """Each operation over and over in a thread of its own."""
    stop = threading.Event()

    def repeat(operation: Callable[[], object]) -> None:
        while not stop.is_set():
            operation()

    with ThreadPoolExecutor(len(operations)) as threads:
        running = [threads.submit(repeat, operation) for operation in operations]
        try:
            yield
        finally:
            stop.set()
        for thread in running:
            thread.result()


def test_children_work_while_threads_read_and_write(backend: StorageBackend) -> None:
    def work() -> None:
        assert backend.get("o", "t").version >= 1
        backend.put(make_record("child"))
        assert backend.count_by_owner("o") >= 2

    with busy(
        lambda: backend.get("o", "t"),
        lambda: backend.list_by_owner("o"),
        lambda: backend.put(make_record()),
    ):
        for _ in range(20):
            assert end(begin(work)) == 0


def test_several_threads_may_fork_at_once(backend: StorageBackend, tmp_path: Path) -> None:
    start = threading.Barrier(4)
    with SqliteBackend(tmp_path / "other.db") as other, ThreadPoolExecutor(4) as threads:
        other.create(make_record())

        def work() -> None:
            backend.put(make_record())
            other.put(make_record())

        def fork(_: int) -> list[int]:
            start.wait()
            return [end(begin(work)) for _ in range(5)]

        with busy(work, work):
            assert list(threads.map(fork, range(4))) == [[0] * 5] * 4
        work()


def test_children_of_children_work(backend: StorageBackend) -> None:
    def work() -> None:
        backend.put(make_record())
        assert end(begin(lambda: backend.put(make_record()))) == 0
        backend.put(make_record())

    assert end(begin(work)) == 0
    backend.put(make_record())


def test_a_store_works_in_children(backend: StorageBackend) -> None:
    store = GenericTaskStore(backend, StoreConfig(max_tasks_per_owner=None))

    def work() -> None:
        task_id = store.create("p", "tools/call").record.task_id
        assert store.delete("p", task_id)

    with busy(work, lambda: backend.count_by_owner("p")):
        for _ in range(10):
            assert end(begin(work)) == 0


def test_memory_is_copied_whole() -> None:
    storage = MemoryStorage()
    backend = InMemoryBackend(storage)

    def change() -> None:
        backend.put(make_record("a"))
        backend.delete("o", "a")

    def work() -> None:
        for _ in range(2):
            listed = [found.record.task_id for found in backend.list_by_owner("o")]
            assert listed in ([], ["a"])
            assert backend.count_by_owner("o") == len(listed)
            change()

    with busy(change, change):
        for _ in range(20):
            assert end(begin(work)) == 0


def test_a_signal_handler_may_fork_in_the_middle_of_a_write(tmp_path: Path) -> None:
    with SqliteBackend(tmp_path / "tasks.db") as backend:
        backend.create(make_record())
        with pytest.raises(BackendError, match="closed"), backend._transaction():
            assert end(begin(lambda: backend.put(make_record()))) == 0
        assert backend.put(make_record()) == 3


def test_a_fork_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_LONGEST_WAIT", 0.01)
    path = tmp_path / "tasks.db"
    link = tmp_path / "link.db"
    backend = SqliteBackend(path)
    backend.create(make_record())
    link.symlink_to(path)
    entered, leave = threading.Event(), threading.Event()

    def operation() -> None:
        with backend._pool.connection():
            entered.set()
            leave.wait()

    def work() -> None:
        for handle in (backend, SqliteBackend(path), SqliteBackend(link)):
            with pytest.raises(BackendError, match="in use by another thread when this process"):
                handle.put(make_record())
        with SqliteBackend(tmp_path / "another.db") as another:
            another.put(make_record())

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(operation)
        entered.wait()
        assert end(begin(work)) == 0
        leave.set()
        running.result()
    assert end(begin(lambda: backend.put(make_record()))) == 0
    assert backend.put(make_record()) == 3
    backend.close()


def test_a_fork_does_not_wait_for_an_operation_whose_thread_has_ended(tmp_path: Path) -> None:
    kept: list[Loan] = []
    with SqliteBackend(tmp_path / "tasks.db") as backend:
        backend.create(make_record())

        def interrupted() -> None:
            loan = Loan(backend._pool)
            loan.__enter__()
            kept.append(loan)  # as the traceback of an interruption does

        thread = threading.Thread(target=interrupted)
        thread.start()
        thread.join()
        assert end(begin(lambda: backend.put(make_record()))) == 0
