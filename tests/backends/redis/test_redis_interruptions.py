"""RedisBackend where a call is interrupted or its process forks; arguments out of all bounds."""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import redis

from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    RedisBackend,
    Task,
    TaskRecord,
    TaskStatus,
)
from support.forking import in_children
from support.interruption import (
    TimeLimitReached,
    instructions_of,
    interrupted_at,
    time_limit,
)
from support.redis_server import RedisServer

NOW = datetime.now(UTC)


def make(task_id: str = "t", **fields: Any) -> TaskRecord:
    task = Task(
        task_id=task_id, status=TaskStatus.WORKING, created_at=NOW, last_updated_at=NOW, ttl=None
    )
    return TaskRecord(task=task, owner_id="o", request_method="tools/call", **fields)


CLOSED_BY_THE_COLLECTOR = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
"""A socket that an interruption cuts off from its connection is closed as garbage."""


@pytest.fixture
def backend(redis_server: RedisServer) -> Iterator[RedisBackend]:
    with RedisBackend.from_url(redis_server.url, prefix=uuid4().hex) as backend:
        yield backend


def sockets() -> int:
    gc.collect()
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return sum(os.path.islink(link) and "socket" in os.readlink(link) for link in links)


class MyTimeoutError(TimeoutError):
    """A caller's error that is an OSError, too, as those of a socket are."""


@pytest.mark.parametrize("error", [TimeLimitReached, TimeoutError, MyTimeoutError, ValueError])
def test_a_caller_s_exception_comes_out(
    backend: RedisBackend, redis_server: RedisServer, error: type[Exception]
) -> None:
    backend.create(make())
    with redis_server.client() as client:
        client.client_pause(500)
        with pytest.raises(error) as raised, time_limit(0.1, error):
            backend.get("o", "t")
    assert type(raised.value) is error
    assert backend.get("o", "t").version == 1


def test_what_the_caller_was_handling_is_not_taken_for_the_reason(backend: RedisBackend) -> None:
    nowhere = RedisBackend.from_url("redis://127.0.0.1:1/0")
    for reason in (TimeLimitReached, redis.ReadOnlyError):
        try:
            raise reason
        except reason:
            with pytest.raises(BackendError, match="check that the server runs"):
                nowhere.get("o", "t")


@CLOSED_BY_THE_COLLECTOR
@pytest.mark.parametrize("first", [False, True], ids=["connected", "connecting"])
def test_an_interruption_at_any_instruction_leaves_nothing_behind(
    backend: RedisBackend, first: bool
) -> None:
    for task_id in ("t", "u"):
        backend.create(make(task_id))

    def call() -> None:
        if first:
            backend._calls._connections._disconnect_idle()
        assert backend.get("o", "t").record.task_id == "t"

    call()
    before = sockets()
    total = instructions_of(call)
    came_out = 0
    for instruction in range(1, total, max(1, total // 400)):
        came_out += interrupted_at(instruction, call)
        # An answer that is left unread would be this one's.
        assert backend.get("o", "u").record.task_id == "u"
    assert came_out > 300
    # Some may live on in the exceptions that pytest keeps; they are not as many as interruptions.
    assert sockets() < before + came_out // 10


@CLOSED_BY_THE_COLLECTOR
def test_an_interrupted_client_of_few_connections_does_not_run_out_of_them(
    redis_server: RedisServer,
) -> None:
    with redis_server.client(max_connections=2) as client:
        backend = RedisBackend(client, uuid4().hex)
        backend.create(make())
        for instruction in range(1, 1500, 7):
            interrupted_at(instruction, lambda: backend.get("o", "t"))
        assert backend.get("o", "t").version == 1


@CLOSED_BY_THE_COLLECTOR
def test_a_write_that_is_interrupted_is_applied_or_not(backend: RedisBackend) -> None:
    backend.create(make())
    total = instructions_of(lambda: backend.put(make(variables={"n": 0})))
    for number, instruction in enumerate(range(1, total, max(1, total // 100)), 1):
        version = backend.get("o", "t").version
        interrupted_at(instruction, lambda n=number: backend.put(make(variables={"n": n})))  # type: ignore[misc]
        found = backend.get("o", "t")
        assert found.version in (version, version + 1)
        assert (found.record.variables == {"n": number}) is (found.version > version)


# Forks


def test_of_children_with_one_handle_one_wins_each_version(backend: RedisBackend) -> None:
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            backend.get("o", "t")

    version = backend.create(make())
    with ThreadPoolExecutor(2) as threads:
        for _ in range(2):
            threads.submit(read_on)

        def put() -> str:
            try:
                return f"wrote {backend.put_if_version(make(), version)}"
            except ConcurrentModificationError as error:
                return f"met {error.actual_version}"

        try:
            for _ in range(20):
                outcomes = in_children(4, put)
                assert outcomes == Counter({f"wrote {version + 1}": 1, f"met {version + 1}": 3})
                version += 1
        finally:
            stop.set()
    assert backend.get("o", "t").version == version


def test_a_child_closes_nothing_of_its_parent(backend: RedisBackend) -> None:
    backend.create(make())
    connection = backend._calls._connections._idle[""][0]

    def end() -> str:
        backend.get("o", "t")
        backend.close()
        return "closed"

    assert in_children(1, end) == {"closed": 1}
    assert backend.get("o", "t").version == 1
    assert backend._calls._connections._idle[""][0] is connection


# Arguments out of all bounds


@pytest.mark.parametrize(
    "version", [2**63, 10**39, 10**600, 10**4400], ids=lambda n: n.bit_length()
)
def test_a_version_of_any_length_is_compared_by_value(backend: RedisBackend, version: int) -> None:
    with pytest.raises(NotFoundError):
        backend.put_if_version(make(), version)
    backend.create(make())
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(make(), version)
    assert (refused.value.expected_version, refused.value.actual_version) == (version, 1)
    assert backend.get("o", "t").version == 1


@pytest.mark.parametrize("text", ["01", "1" * 5000, "-1", "+1", "1.0", "\u0661"])
def test_a_stored_version_that_is_no_version_is_named(
    backend: RedisBackend, redis_server: RedisServer, text: str
) -> None:
    backend.create(make())
    with redis_server.client() as client:
        client.hset(backend.record_key("o", "t"), "version", text)
    for call in (lambda: backend.get("o", "t"), lambda: backend.put_if_version(make(), 1)):
        with pytest.raises(CorruptRecordError, match="its version"):
            call()


@pytest.mark.parametrize("seconds", ["inf", "-inf", "nan", "-1", "0", "1e300", "5e6"])
@pytest.mark.parametrize("name", ["socket_timeout", "socket_connect_timeout"])
def test_a_timeout_that_cannot_be_waited_for_is_refused_at_once(name: str, seconds: str) -> None:
    with pytest.raises(ValueError, match=name):
        RedisBackend.from_url(f"redis://127.0.0.1:6379/0?{name}={seconds}")
    options: dict[str, Any] = {name: float(seconds)}
    with redis.Redis(**options) as client, pytest.raises(ValueError, match=name):
        RedisBackend(client)


def test_an_option_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        RedisBackend.from_url("redis://127.0.0.1:6379/0?nonsense=1")


def test_a_client_without_timeouts_works(redis_server: RedisServer) -> None:
    with redis_server.client(socket_timeout=None, socket_connect_timeout=None) as client:
        assert RedisBackend(client, uuid4().hex).count_by_owner("o") == 0
