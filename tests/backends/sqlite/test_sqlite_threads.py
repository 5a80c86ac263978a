"""Handles of SqliteBackend in many threads, and closing them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pmcp_storage import (
    BackendError,
    SqliteBackend,
)
from support.records import make_record


def test_threads_of_one_handle_write_each_version_once(backend: SqliteBackend) -> None:
    with ThreadPoolExecutor(12) as threads:
        versions = list(threads.map(lambda _: backend.put(make_record()), range(120)))
    assert sorted(versions) == list(range(1, 121))


def test_handles_that_open_a_new_file_at_once_all_work(tmp_path: Path) -> None:
    start = threading.Barrier(6)

    def create(path: Path, task_id: str) -> int:
        with SqliteBackend(path) as backend:
            start.wait()
            return backend.create(make_record(task_id))

    with ThreadPoolExecutor(6) as threads:
        for number in range(20):
            path = tmp_path / f"{number}.db"
            assert list(threads.map(create, [path] * 6, "abcdef")) == [1] * 6


def test_opening_a_new_file_waits_for_a_lock_on_it(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.05, other.close)
    release.start()
    with SqliteBackend(path) as backend:
        assert backend.create(make_record()) == 1
    release.join()


def open_files(path: Path) -> int:
    names = []
    for number in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    return sum(name.startswith(str(path)) for name in names)


def test_threads_and_handles_leave_no_file_open(path: Path) -> None:
    with SqliteBackend(path) as backend:
        with ThreadPoolExecutor(30) as threads:
            list(threads.map(lambda n: backend.put(make_record(str(n))), range(60)))
            list(threads.map(lambda n: backend.get("o", str(n)), range(60)))
        with contextlib.ExitStack() as burst:
            for _ in range(20):
                burst.enter_context(backend._pool.connection())
        # Of the file itself SQLite keeps more, for reuse: to close one would drop its locks.
        assert open_files(path.with_name("tasks.db-wal")) <= 8
    assert open_files(path) == 0
    assert not path.with_name("tasks.db-wal").exists()


def test_closing_a_handle_ends_its_operations_with_an_error(path: Path) -> None:
    closed = "this SqliteBackend is closed: open another handle"
    backend = SqliteBackend(path)
    backend.create(make_record())

    def put_for_ever() -> None:
        while True:
            backend.put(make_record())

    with ThreadPoolExecutor(4) as threads:
        ends = [threads.submit(put_for_ever) for _ in range(4)]
        while backend.get("o", "t").version < 50:
            pass
        backend.close()
    for end in ends:
        with pytest.raises(BackendError, match=closed):
            end.result()
    assert open_files(path) == 0


def test_a_connection_in_use_during_close_is_closed_afterwards(path: Path) -> None:
    backend = SqliteBackend(path)
    with backend._pool.connection() as db:
        backend.close()
        assert db.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
    assert open_files(path) == 0
    with pytest.raises(BackendError, match="closed"):
        backend._pool.connection().__enter__()
