"""SqliteBackend in processes that race for one file, fork, and are killed."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pmcp_storage import (
    SqliteBackend,
)
from support.backend_checks import increment
from support.processes import fork, run_in_children, start_python
from support.records import make_record

# Python warns of any fork in a process with threads; that it is safe here is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def increment_in_child(path: Path, times: int) -> None:
    with SqliteBackend(path) as backend:
        increment(backend, times)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_lose_no_increment(path: Path, method: str) -> None:
    with SqliteBackend(path) as backend:
        backend.create(make_record(variables={"n": 0}))
        run_in_children(method, increment_in_child, path, 10)
        found = backend.get("o", "t")
    assert (found.record.variables["n"], found.version) == (30, 31)


CREATOR = """
import sys
from pmcp_storage import SqliteBackend
from support.records import make_record
sys.stdin.readline()
for number in range(10):
    with SqliteBackend(f"{sys.argv[1]}/{number}.db") as backend:
        backend.create(make_record(sys.argv[2]))
"""


def test_processes_that_open_a_new_file_at_once_all_work(tmp_path: Path) -> None:
    children = [start_python(CREATOR, str(tmp_path), str(number), text=True) for number in range(4)]
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    for number in range(10):
        with SqliteBackend(tmp_path / f"{number}.db") as backend:
            assert backend.count_by_owner("o") == 4


WRITER = """
import os, sys
from pmcp_storage import SqliteBackend
from support.records import make_record
backend = SqliteBackend(sys.argv[1])
for number in range(int(sys.argv[2]), 10**9):
    backend.put(make_record(variables={"n": number}))
    os.write(1, b"%d\\n" % number)
"""


def test_a_killed_writer_loses_no_acknowledged_write(path: Path) -> None:
    last = 0
    for _ in range(4):
        writer = start_python(WRITER, str(path), str(last + 1))
        assert writer.stdout
        for _ in range(25):
            last = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split()
        writer.communicate()
        last = int(rest[-1]) if rest else last
        with SqliteBackend(path) as backend:
            found = backend.get("o", "t")
            stored = found.record.variables["n"]
            assert stored == found.version
            assert stored in (last, last + 1)
            last = stored


def test_a_handle_used_before_a_fork_works_on_both_sides(backend: SqliteBackend) -> None:
    backend.create(make_record())
    assert fork(lambda: backend.put(make_record())) == 0
    assert backend.put(make_record()) == 3


def test_the_parent_closing_does_not_take_the_file_from_a_forked_child(path: Path) -> None:
    backend = SqliteBackend(path)
    backend.create(make_record())
    go, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            backend.put(make_record())
            os.write(done[1], b"1")
            os.read(go[0], 1)
            backend.put(make_record())
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(code)
    os.read(done[0], 1)
    backend.get("o", "t")
    backend.close()
    os.write(go[1], b"1")
    os.waitpid(child, 0)
    for end in (*go, *done):
        os.close(end)
    with SqliteBackend(path) as reopened:
        assert reopened.get("o", "t").version == 3


def test_forks_among_busy_threads_do_not_hang(backend: SqliteBackend) -> None:
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.is_set():
            backend.put(make_record())

    with ThreadPoolExecutor(3) as threads:
        busy = [threads.submit(keep_writing) for _ in range(3)]
        try:
            for _ in range(10):
                assert fork(lambda: backend.put(make_record("c"))) == 0
        finally:
            stop.set()
        for future in busy:
            future.result()
    assert backend.get("o", "c").version == 10
