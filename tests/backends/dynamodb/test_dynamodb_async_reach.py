"""AsyncDynamoDbBackend where its storage cannot be reached, or does not come to an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from pmcp_storage import (
    AlreadyExistsError,
    AsyncDynamoDbBackend,
    BackendError,
    DynamoDbBackend,
    OutcomeUnknownError,
)
from support.dynamodb_faults import Request, pass_on
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import new_owner, open_async
from support.on_loops import run, writes
from support.records import make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Opened = Callable[..., AsyncDynamoDbBackend]


@pytest.fixture
def unreachable(dynamodb_client: DynamoDBClient) -> Any:
    """A proxy that refuses connections until it runs."""
    with closing(DynamoDbProxy(dynamodb_client.meta.endpoint_url)) as proxy:
        yield proxy


def test_storage_that_cannot_be_reached_has_written_nothing(
    unreachable: DynamoDbProxy, table: str
) -> None:
    record = make_record()
    for write in writes(record):
        with pytest.raises(BackendError, match="cannot be reached") as failed:
            run(open_async(unreachable.endpoint, table), write)
        assert type(failed.value) is BackendError
        assert failed.value.__cause__ is not None
        assert isinstance(failed.value.__cause__.__cause__, aiohttp.ClientConnectorError)


def test_an_attempt_that_was_refused_a_connection_has_written_nothing(
    unreachable: DynamoDbProxy,
    direct: DynamoDbBackend,
    table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = make_record(owner_id=new_owner())
    with ExitStack() as running:

        def come_up(shortest: float, longest: float) -> float:
            running.enter_context(unreachable.running())
            direct.create(record)
            direct.put(record)
            return 0.0

        path = "pmcp_storage.backends.dynamodb.http_sender.random"
        monkeypatch.setattr(path, SimpleNamespace(uniform=come_up))
        with pytest.raises(AlreadyExistsError):
            run(open_async(unreachable.endpoint, table), lambda backend: backend.create(record))


def test_storage_that_accepts_and_never_answers(proxy: DynamoDbProxy, opened: Opened) -> None:
    over = threading.Event()

    def hang(request: Request) -> None:
        over.wait()

    async def wait(backend: AsyncDynamoDbBackend) -> None:
        async with asyncio.timeout(60):
            await fail(backend)

    async def fail(backend: AsyncDynamoDbBackend) -> None:
        with pytest.raises(OutcomeUnknownError, match="ReadTimeoutError"):
            await backend.create(make_record(owner_id=new_owner()))
        with pytest.raises(BackendError, match="ReadTimeoutError") as failed:
            await backend.get(new_owner(), "t")
        assert type(failed.value) is BackendError

    proxy.always(hang)
    run(opened(attempts=2, connect_timeout=3600, read_timeout=0.05), wait)
    over.set()
    assert proxy.requests == ["PutItem", "PutItem", "GetItem", "GetItem"]
    proxy.always(pass_on)


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer byte by byte, and never to the end."""
    try:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)
    except ConnectionError:
        pass  # the client has given up, as it should
    finally:
        writer.transport.abort()  # at once: the event loop may be about to close


def test_an_answer_that_trickles_in_is_not_waited_for(table: str) -> None:
    async def work() -> None:
        server = await asyncio.start_server(trickle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings = {"attempts": 1, "connect_timeout": 0.2, "read_timeout": 0.2}
        backend = open_async(f"http://127.0.0.1:{port}", table, **settings)
        async with server, backend, asyncio.timeout(60):
            with pytest.raises(OutcomeUnknownError):
                await backend.create(make_record())

    asyncio.run(work())
