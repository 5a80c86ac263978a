"""What a backend for event loops could gain on Redis and on SQLite.

    python -m benchmarks.async_elsewhere redis://127.0.0.1:6379/15

Reads one record of some 2 KB, 32 at once: by the backend from 32 threads, by 32 tasks over what
`as_async` makes of it, and by 32 tasks over an async client that sends the same read and decodes
the same record, and leaves out all else that a backend does: the most that one could gain. For
SQLite also by tasks that block their loop. Figures as in `async_dynamodb`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiosqlite
import redis.asyncio

from benchmarks.async_dynamodb import (
    AT_ONCE,
    OPERATIONS,
    RECORD,
    Figure,
    Turn,
    figure,
    in_threads,
    measured,
    now,
    print_figures,
)
from pmcp_storage import RedisBackend, SqliteBackend, StorageBackend, read_row
from pmcp_storage.aio.async_adapter import as_async
from pmcp_storage.backends.sqlite import statements

KEY = RECORD.owner_id, RECORD.task.task_id


def main() -> None:
    with asyncio.Runner() as runner, ThreadPoolExecutor(AT_ONCE) as threads:
        with RedisBackend.from_url(sys.argv[1], f"benchmark-{uuid4().hex}") as backend:
            compare("redis: get", runner, threads, backend, runner.run(bare_redis(backend)))
            backend.delete(*KEY)
        with (
            tempfile.TemporaryDirectory() as folder,
            SqliteBackend(Path(folder) / "tasks.db") as backend,
        ):
            bare = bare_sqlite(Path(folder) / "tasks.db")
            compare("sqlite: get", runner, threads, backend, runner.run(bare))


Read = Callable[[], Awaitable[object]]


def compare(
    title: str,
    runner: asyncio.Runner,
    threads: ThreadPoolExecutor,
    backend: StorageBackend,
    bare: tuple[Read, Read],
) -> None:
    """Measure the backend and a bare client, which is closed by its second function."""
    backend.put(RECORD)
    adapted, (read, close) = as_async(backend), bare

    async def blocking() -> None:
        backend.get(*KEY)

    sides: dict[str, Turn] = {
        "threads": lambda _: in_threads(threads, backend, "get"),
        "tasks, as_async": lambda _: runner.run(in_tasks(lambda: adapted.get(*KEY))),
        "tasks that block": lambda _: runner.run(in_tasks(blocking)),
        "tasks, bare async client": lambda _: runner.run(in_tasks(read)),
    }
    print_figures(title, measured(sides, "get"))
    runner.run(closed(close))


async def bare_redis(backend: RedisBackend) -> tuple[Read, Read]:
    client = redis.asyncio.Redis.from_url(sys.argv[1], max_connections=AT_ONCE)
    key = backend.record_key(*KEY)

    async def read() -> object:
        command: Any = client.hmget(key, ["version", "data"])
        version, data = await command
        return read_row(*KEY, data.decode(), int(version))

    return read, client.aclose


async def bare_sqlite(path: Path) -> tuple[Read, Read]:
    db = await aiosqlite.connect(path)

    async def read() -> object:
        async with db.execute(statements.GET, KEY) as cursor:
            row = await cursor.fetchone()
        assert row is not None
        return read_row(*KEY, row[1], row[0])

    return read, db.close


async def closed(close: Read) -> None:
    await close()


async def in_tasks(read: Read) -> Figure:
    async def work() -> None:
        for _ in range(OPERATIONS // AT_ONCE):
            await read()

    started = now()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return figure(started)


if __name__ == "__main__":
    main()
