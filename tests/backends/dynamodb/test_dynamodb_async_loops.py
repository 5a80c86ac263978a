"""AsyncDynamoDbBackend: cancellation, event loops that end or are many, forks, and its session."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.session import Session

from pmcp_storage import AsyncDynamoDbBackend, BackendError, DynamoDbBackend
from support.dynamodb_faults import Request
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import new_owner, open_async
from support.forking import in_children
from support.records import make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Opened = Callable[..., AsyncDynamoDbBackend]

# What is left to a closed loop is freed with a warning of asyncio's.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def endpoint(dynamodb_client: DynamoDBClient) -> str:
    return str(dynamodb_client.meta.endpoint_url)


@pytest.fixture
def from_env(
    no_aws_settings: pytest.MonkeyPatch, endpoint: str, table: str
) -> Callable[[], AsyncDynamoDbBackend]:
    no_aws_settings.setenv("AWS_REGION", "us-east-1")
    no_aws_settings.setenv("AWS_ENDPOINT_URL", endpoint)
    return lambda: AsyncDynamoDbBackend.from_env(table)


async def work(backend: AsyncDynamoDbBackend, owner_id: str) -> None:
    while True:
        number = random.randrange(5)
        found = await backend.get(owner_id, f"t{number}")
        assert found.record.variables == {"number": number}
        await backend.put(found.record)


async def cancel_some(backend: AsyncDynamoDbBackend, owner_id: str) -> None:
    tasks = [asyncio.create_task(work(backend, owner_id)) for _ in range(3)]
    for _ in range(random.randrange(30)):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_cancelled_tasks_leave_the_handle_usable(endpoint: str, table: str) -> None:
    owner_id = new_owner()

    async def run() -> None:
        async with open_async(endpoint, table, connections=2) as backend:
            for number in range(5):
                record = make_record(f"t{number}", owner_id, variables={"number": number})
                await backend.create(record)
            for _ in range(60):
                await cancel_some(backend, owner_id)
            # Neither a place taken for ever, nor an answer left for the next request.
            await asyncio.gather(*(backend.get(owner_id, "t1") for _ in range(20)))

    asyncio.run(run())


def test_a_call_cancelled_while_it_waits_ends_its_connection(
    proxy: DynamoDbProxy, opened: Opened
) -> None:
    asked, over = threading.Event(), threading.Event()

    def hang(request: Request) -> None:
        asked.set()
        over.wait()

    async def run() -> None:
        async with opened(connections=1) as backend:
            proxy.next(hang)
            waiting = asyncio.create_task(backend.create(make_record(owner_id=new_owner())))
            await asyncio.to_thread(asked.wait)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            # The only connection is free again, though the storage has not answered yet.
            assert await backend.list_by_owner(new_owner()) == []
            over.set()

    asyncio.run(run())
    assert proxy.requests == ["PutItem", "Query"]


def test_a_time_limit_of_the_callers_own(proxy: DynamoDbProxy, opened: Opened) -> None:
    over = threading.Event()

    def hang(request: Request) -> None:
        over.wait()

    async def run() -> None:
        async with opened() as backend:
            proxy.next(hang)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await backend.create(make_record(owner_id=new_owner()))
            over.set()

    asyncio.run(run())
    assert proxy.requests == ["PutItem"]


def test_a_loop_comes_after_a_closed_one(endpoint: str, table: str) -> None:
    backend, owner_id = open_async(endpoint, table), new_owner()
    for version in (1, 2, 3):
        assert asyncio.run(backend.put(make_record(owner_id=owner_id))) == version
    asyncio.run(backend.close())
    with pytest.raises(BackendError, match="closed"):
        asyncio.run(backend.get(owner_id, "t"))
    gc.collect()


def test_two_loops_at_once_are_refused(endpoint: str, table: str) -> None:
    backend, owner_id = open_async(endpoint, table), new_owner()

    async def run() -> None:
        await backend.put(make_record(owner_id=owner_id))
        with pytest.raises(BackendError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, backend.get(owner_id, "t"))
        assert (await backend.get(owner_id, "t")).version == 1
        await backend.close()

    asyncio.run(run())


def test_closing_ends_the_connections(proxy: DynamoDbProxy, opened: Opened) -> None:
    async def run() -> None:
        backend = opened()
        await asyncio.gather(*(backend.list_by_owner("o") for _ in range(5)))
        connector: Any = backend._connections.get().session.connector
        await backend.close()
        await backend.close()
        assert connector.closed

    asyncio.run(run())


@pytest.fixture
def in_use(
    from_env: Callable[[], AsyncDynamoDbBackend], endpoint: str, table: str
) -> Iterator[Callable[[bool], tuple[AsyncDynamoDbBackend, asyncio.Runner]]]:
    """Opens a handle that has a connection on a loop, which is not running at the moment."""
    runners: list[tuple[AsyncDynamoDbBackend, asyncio.Runner]] = []

    def use(own: bool) -> tuple[AsyncDynamoDbBackend, asyncio.Runner]:
        backend, runner = from_env() if own else open_async(endpoint, table), asyncio.Runner()
        runner.run(backend.list_by_owner("o"))
        runners.append((backend, runner))
        return backend, runner

    yield use
    for backend, runner in runners:
        runner.run(backend.close())
        runner.close()


def in_a_loop(call: Callable[[], Awaitable[object]]) -> str:
    async def run() -> str:
        return str(await call())

    return asyncio.run(run())


no_repeats = None
"""In place of what draws the pauses before repeats: the first of them fails."""


def test_children_of_a_fork_make_connections_of_their_own(
    in_use: Callable[[bool], tuple[AsyncDynamoDbBackend, asyncio.Runner]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend, runner = in_use(True)
    owner_id = new_owner()

    def act() -> str:
        version = in_a_loop(lambda: backend.put(make_record(owner_id=owner_id)))
        in_a_loop(backend.close)
        gc.collect()
        return version

    outcomes = in_children(4, act)
    assert sorted(outcomes) == ["1", "2", "3", "4"]
    # The parent's connection has neither been ended nor taken from its loop.
    monkeypatch.setattr("pmcp_storage.backends.dynamodb.http_sender.random", no_repeats)
    assert runner.run(backend.get(owner_id, "t")).version == 4


def test_a_session_is_used_in_its_own_process_only(
    in_use: Callable[[bool], tuple[AsyncDynamoDbBackend, asyncio.Runner]],
) -> None:
    backend, runner = in_use(False)
    calls: list[Callable[[], str]] = [
        lambda: in_a_loop(lambda: backend.get("o", "t")),
        lambda: str(runner.run(backend.get("o", "t"))),  # on the loop that it has inherited
    ]
    for call in calls:
        assert in_children(1, call) == {"BackendError": 1}
    assert runner.run(backend.list_by_owner(new_owner())) == []


def test_opening_opens_no_socket(no_aws_settings: pytest.MonkeyPatch) -> None:
    no_aws_settings.setenv("AWS_REGION", "eu-west-1")
    no_aws_settings.delenv("AWS_ENDPOINT_URL", raising=False)

    def no_socket(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    no_aws_settings.setattr(socket, "socket", no_socket)
    no_aws_settings.setattr(socket, "getaddrinfo", no_socket)
    backend = AsyncDynamoDbBackend.from_env()
    assert "'pmcp_tasks'" in repr(backend)
    access = backend._connections.access
    assert access.endpoint_url == "https://dynamodb.eu-west-1.amazonaws.com"
    assert access.trusted is not None


def test_a_region_is_needed(no_aws_settings: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendError, match="AWS_REGION"):
        AsyncDynamoDbBackend.from_env()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"attempts": 0}, ValueError),
        ({"connections": 0}, ValueError),
        ({"connect_timeout": 0}, ValueError),
        ({"read_timeout": None}, TypeError),
        ({"read_timeout": float("nan")}, ValueError),
        ({"table_name": ""}, ValueError),
        ({"table_name": 1}, TypeError),
        ({"session": boto3.session.Session()}, TypeError),
        ({"session": None}, TypeError),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        AsyncDynamoDbBackend(**{"session": Session(), **settings})


def test_a_proxy_that_the_environment_names(
    no_aws_settings: pytest.MonkeyPatch, proxy: DynamoDbProxy, direct: DynamoDbBackend, table: str
) -> None:
    no_aws_settings.setenv("AWS_REGION", "us-east-1")
    no_aws_settings.setenv("AWS_ENDPOINT_URL", "http://dynamodb.invalid")
    no_aws_settings.setenv("HTTP_PROXY", proxy.endpoint)
    owner_id = new_owner()

    async def run() -> int:
        async with AsyncDynamoDbBackend.from_env(table) as backend:
            return await backend.create(make_record(owner_id=owner_id))

    assert asyncio.run(run()) == 1
    assert direct.get(owner_id, "t").version == 1
