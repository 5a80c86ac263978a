"""RedisBackend used by many threads and processes, killed servers, and closing."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    RedisBackend,
)
from support.backend_checks import increment
from support.processes import run_in_children
from support.records import make_record
from support.redis_server import RedisServer


def increment_in_child(url: str, prefix: str, times: int) -> None:
    with RedisBackend.from_url(url, prefix) as backend:
        increment(backend, times)


def test_processes_lose_no_increment(
    backend: RedisBackend, redis_server: RedisServer, prefix: str
) -> None:
    backend.create(make_record(variables={"n": 0}))
    run_in_children("spawn", increment_in_child, redis_server.url, prefix, 20)
    found = backend.get("o", "t")
    assert (found.record.variables["n"], found.version) == (60, 61)


def test_one_of_many_threads_creates_and_each_version_is_written_once(
    backend: RedisBackend,
) -> None:
    def create(_: int) -> bool:
        try:
            return backend.create(make_record()) == 1
        except AlreadyExistsError:
            return False

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(create, range(64))) == 1
        versions = list(threads.map(lambda _: backend.put(make_record()), range(64)))
    assert sorted(versions) == list(range(2, 66))


def test_a_killed_server_keeps_what_it_acknowledged(own_server: RedisServer) -> None:
    with RedisBackend.from_url(own_server.url) as backend:
        for number in range(50):
            backend.put(make_record(str(number % 7)))
        before = backend.list_by_owner("o")
        own_server.kill()
        own_server.start()
        assert backend.list_by_owner("o") == before


def open_sockets() -> set[str]:
    """The sockets of this process, each by a name that no other has."""
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    files = (os.readlink(link) for link in links if os.path.islink(link))
    return {file for file in files if "socket" in file}


def test_a_closed_handle_leaves_no_socket_open(redis_server: RedisServer) -> None:
    sockets, threads_before = open_sockets(), set(threading.enumerate())
    backend = RedisBackend.from_url(redis_server.url, prefix=uuid4().hex)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: backend.put(make_record(str(number))), range(40)))
    backend.close()
    backend.close()
    # No more than before, of what is ours: others of this process may end theirs meanwhile.
    assert not open_sockets() - sockets
    assert not set(threading.enumerate()) - threads_before
    with pytest.raises(BackendError, match="closed"):
        backend.get("o", "0")


def test_a_connection_in_use_during_close_is_closed_afterwards(
    redis_server: RedisServer,
) -> None:
    before = open_sockets()
    backend = RedisBackend.from_url(redis_server.url)
    with backend._calls._connection(b"") as connection:
        backend.close()
        connection.connect()
    assert not open_sockets() - before
