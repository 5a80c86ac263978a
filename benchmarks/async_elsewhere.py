"""What a backend for event loops could gain on Redis and on SQLite.

One record of some 2 KB is read 32 at once: by the tasks of an event loop over what `as_async` makes
of the backend, beside tasks over an async client that sends the same read and decodes the same
record, and leaves out all else that a backend does: the most that one could gain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import redis.asyncio

from benchmarks.at_once import AT_ONCE, beside, from_tasks
from benchmarks.engines import Engines
from benchmarks.results import Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import make_record
from pmcp_storage import RedisBackend, SqliteBackend, StorageBackend, read_row
from pmcp_storage.aio.async_adapter import as_async
from pmcp_storage.backends.sqlite import statements

RECORD = make_record(0)
KEY = RECORD.owner_id, RECORD.task.task_id

Read = Callable[[], Awaitable[object]]


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    url, file = f"{engines.redis()}/1", engines.folder() / "tasks.db"
    with (
        asyncio.Runner() as runner,
        RedisBackend.from_url(url, "backend") as on_redis,
        SqliteBackend(file) as on_sqlite,
    ):
        bare = _bare_redis(url, on_redis)
        yield _compared(runner, scale, ("RedisBackend", "redis.asyncio"), on_redis, bare)
        yield _compared(
            runner, scale, ("SqliteBackend", "aiosqlite"), on_sqlite, _bare_sqlite(file)
        )


def _compared(
    runner: asyncio.Runner,
    scale: Scale,
    names: tuple[str, str],
    backend: StorageBackend,
    bare: AbstractAsyncContextManager[Read],
) -> Result:
    backend.put(RECORD)
    adapted = as_async(backend)
    opened = AsyncExitStack()
    read = runner.run(opened.enter_async_context(bare))
    ours, theirs = from_tasks(runner, lambda: adapted.get(*KEY)), from_tasks(runner, read)
    try:
        return beside(("get", *names), ours, theirs, scale)
    finally:
        runner.run(opened.aclose())


@asynccontextmanager
async def _bare_redis(url: str, backend: RedisBackend) -> AsyncIterator[Read]:
    client = redis.asyncio.Redis.from_url(url, max_connections=AT_ONCE)
    key = backend.record_key(*KEY)

    async def read() -> object:
        command: Any = client.hmget(key, ["version", "data"])
        version, data = await command
        return read_row(*KEY, data.decode(), int(version))

    yield read
    await client.aclose()


@asynccontextmanager
async def _bare_sqlite(path: Path) -> AsyncIterator[Read]:
    async with aiosqlite.connect(path) as db:

        async def read() -> object:
            async with db.execute(statements.GET, KEY) as cursor:
                row = await cursor.fetchone()
            assert row is not None
            return read_row(*KEY, row[1], row[0])

        yield read
