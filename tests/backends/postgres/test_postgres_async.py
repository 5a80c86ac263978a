"""AsyncPostgresBackend: the operations, many tasks at once, cancellation, both kinds of pools."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from pmcp_storage import (
    AlreadyExistsError,
    AsyncPostgresBackend,
    AsyncTaskStore,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    TaskStatus,
)
from support.postgres_server import PostgresServer, postgres_server
from support.postgres_support import LATER, PAST, WireProxy, eventually, make, schema, sessions

__all__ = ["postgres_server", "schema"]

Opened = Callable[..., Any]


@pytest.fixture(params=["own", "callers"])
def opened(request: pytest.FixtureRequest, postgres_server: PostgresServer, schema: str) -> Opened:
    """Opens a handle with up to two connections: of its own, or of a pool of the caller's."""

    @asynccontextmanager
    async def own() -> AsyncIterator[AsyncPostgresBackend]:
        url = postgres_server.url()
        async with AsyncPostgresBackend.from_url(url, schema, connections=2) as backend:
            yield backend

    @asynccontextmanager
    async def callers() -> AsyncIterator[AsyncPostgresBackend]:
        url = postgres_server.url(application_name="pmcp-storage")
        pool: AsyncConnectionPool[Any]
        async with AsyncConnectionPool(url, min_size=2, open=False) as pool:
            async with AsyncPostgresBackend(pool, schema) as backend:
                yield backend
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")

    return own if request.param == "own" else callers


async def operate(backend: AsyncPostgresBackend) -> None:
    record = make(variables={"n": 1})
    assert await backend.create(record) == 1
    with pytest.raises(AlreadyExistsError):
        await backend.create(record)
    assert await backend.put_if_version(record, 1) == 2
    with pytest.raises(ConcurrentModificationError):
        await backend.put_if_version(record, 1)
    assert await backend.put(make(expires_at=LATER)) == 3
    found = await backend.get("o", "t")
    assert await backend.list_by_owner("o") == [found]
    assert [each async for each in backend.iter_by_owner("o")] == [found]
    assert await backend.list_by_owner("o", after="t") == []
    assert await backend.count_by_owner("o", live_at=LATER) == 0
    assert await backend.delete("o", "t")
    with pytest.raises(NotFoundError):
        await backend.get("o", "t")
    await backend.put(make(expires_at=PAST))
    assert await backend.cleanup_expired() == 1


def test_every_operation(opened: Opened) -> None:
    async def run() -> None:
        async with opened() as backend:
            await operate(backend)

    asyncio.run(run())


def test_the_store_over_it(opened: Opened) -> None:
    async def run() -> None:
        async with opened() as backend:
            store = AsyncTaskStore(backend)
            task_id = (await store.create("alice", "tools/call", ttl_ms=60_000)).record.task_id
            await store.complete_with_result("alice", task_id, TaskStatus.COMPLETED, {"n": 1})
            assert await store.get_result("alice", task_id) == {"n": 1}

    asyncio.run(run())


def test_many_tasks_share_two_connections(postgres_server: PostgresServer, opened: Opened) -> None:
    async def run() -> None:
        before = sessions(postgres_server)
        async with opened() as backend:
            versions = await asyncio.gather(*(backend.put(make()) for _ in range(100)))
            assert sorted(versions) == list(range(1, 101))
            assert sessions(postgres_server) - before <= 2

    asyncio.run(run())


async def work(backend: AsyncPostgresBackend) -> None:
    while True:
        number = random.randrange(5)
        found = await backend.get("o", f"t{number}")
        assert found.record.variables == {"number": number}
        await backend.put(found.record)


async def cancel_some(backend: AsyncPostgresBackend) -> None:
    tasks = [asyncio.create_task(work(backend)) for _ in range(3)]
    await asyncio.sleep(random.random() * 0.01)
    for task in tasks:
        # Again and again: before Python 3.12 asyncio.wait_for, which the caller's pool uses, can
        # take a cancellation for the end of its own waiting.
        while not task.done():
            task.cancel()
            await asyncio.sleep(0.001)
        with pytest.raises(asyncio.CancelledError):
            await task


class SlowPool(AsyncConnectionPool[Any]):
    """A pool of one connection, which has other things to do before it takes it back."""

    def __init__(self, url: str) -> None:
        super().__init__(url, min_size=1, open=False)
        self.takes_back = asyncio.Event()

    async def putconn(self, conn: Any) -> None:
        self.takes_back.set()
        for _ in range(10):
            await asyncio.sleep(0)
        await super().putconn(conn)


def test_a_pool_keeps_the_connection_of_a_task_that_is_cancelled_as_it_returns_it(
    postgres_server: PostgresServer, schema: str
) -> None:
    async def run() -> None:
        pool = SlowPool(postgres_server.url())
        async with pool, AsyncPostgresBackend(pool, schema) as backend:
            task = asyncio.create_task(backend.count_by_owner("o"))
            await pool.takes_back.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await backend.count_by_owner("o") == 0

    asyncio.run(run())


def test_cancelled_tasks_leave_the_handle_usable(
    postgres_server: PostgresServer, opened: Opened
) -> None:
    async def run() -> None:
        before = sessions(postgres_server)
        async with opened() as backend:
            for number in range(5):
                await backend.create(make(f"t{number}", variables={"number": number}))
            for _ in range(60):
                await cancel_some(backend)
            # What was cancelled in the middle of an exchange is ended, and not kept for later.
            eventually(lambda: sessions(postgres_server) - before <= 2)
            await asyncio.gather(*(backend.get("o", "t1") for _ in range(20)))
        eventually(lambda: sessions(postgres_server) <= before)

    asyncio.run(run())


def test_a_write_whose_answer_is_lost(postgres_server: PostgresServer, schema: str) -> None:
    async def run() -> None:
        with WireProxy(postgres_server.port) as proxy:
            async with AsyncPostgresBackend.from_url(proxy.url(), schema, timeout=2) as backend:
                await backend.count_by_owner("o")
                proxy.once(b"Z", lambda message: None)
                assert await backend.put(make()) == 1
                proxy.spoil = lambda kind, message: None if kind in b"ZR" else message
                with pytest.raises(OutcomeUnknownError):
                    await backend.put(make())

    asyncio.run(run())


def test_a_call_cancelled_while_it_waits_ends_its_connection(
    postgres_server: PostgresServer, schema: str
) -> None:
    async def run() -> None:
        before = sessions(postgres_server)
        url = postgres_server.url()
        async with (
            AsyncPostgresBackend.from_url(url, schema) as backend,
            await psycopg.AsyncConnection.connect(url) as other,
        ):
            await backend.put(make())
            await other.execute(f"SELECT 1 FROM {schema}.tasks FOR UPDATE")
            waiting = asyncio.create_task(backend.put(make()))
            while not postgres_server.execute("SELECT 1 FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.001)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await other.commit()
            eventually(lambda: sessions(postgres_server) <= before)

    asyncio.run(run())


def test_errors_are_those_of_the_other_door(postgres_server: PostgresServer, schema: str) -> None:
    async def failing(call: Callable[[AsyncPostgresBackend], Awaitable[object]], url: str) -> str:
        async with AsyncPostgresBackend.from_url(url, "nowhere", connections=1) as backend:
            with pytest.raises(BackendError) as failed:
                await call(backend)
            assert isinstance(failed.value.__cause__, psycopg.Error)
            return str(failed.value)

    async def run() -> None:
        told = await failing(lambda backend: backend.get("o", "t"), postgres_server.url())
        assert "init postgres" in told
        told = await failing(lambda backend: backend.put(make()), "host=127.0.0.1 port=1")
        assert "port 1 failed" in told
        backend = AsyncPostgresBackend.from_url(postgres_server.url(), schema)
        assert repr(backend) == f'<AsyncPostgresBackend on "{schema}".tasks>'
        with suppress(BackendError):  # the tests' server does not sync
            await backend.verify()
        await backend.close()
        with pytest.raises(BackendError, match="closed"):
            await backend.get("o", "t")

    asyncio.run(run())
    with pytest.raises(TypeError, match="AsyncConnectionPool"):
        AsyncPostgresBackend(ConnectionPool("", open=False))  # type: ignore[arg-type]
