"""How many operations a second AsyncDynamoDbBackend reaches beside DynamoDbBackend.

    python -m benchmarks.async_dynamodb

One process does `get` and `put_if_version` of a record of some 2 KB, 32 at once: from 32 threads by
DynamoDbBackend, from 32 tasks by AsyncDynamoDbBackend, and by `to_sync` over that from 32 threads.
They take turns, so that whatever slows the machine slows all. The server is no DynamoDB: it answers
each request at once with the same bytes, from a process of its own, so that it is the client that
is measured. Figures are medians over the turns. Processor time is that of the measured process.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from benchmarks.side_by_side import make_record
from pmcp_storage import AsyncDynamoDbBackend, DynamoDbBackend, StorageBackend, to_sync
from pmcp_storage.backends.dynamodb import items

AT_ONCE = 32
OPERATIONS = 800
"""The operations of one turn."""
TURNS = 9
RECORD = make_record(0)


class Figure(NamedTuple):
    """What one operation takes of a turn, in microseconds."""

    wall: float
    processor: float


Turn = Callable[[str], Figure]


def main() -> None:
    with server() as port:
        settings = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1"}
        settings |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        os.environ.update(settings)
        with turns() as sides:
            for operation in ("get", "put_if_version"):
                print_figures(operation, measured(sides, operation))


def measured(sides: dict[str, Turn], operation: str) -> dict[str, list[Figure]]:
    """The figures of each side, after a turn that counts for nothing."""
    figures: dict[str, list[Figure]] = {name: [] for name in sides}
    for _ in range(TURNS + 1):
        for name, turn in sides.items():
            figures[name].append(turn(operation))
    return {name: each[1:] for name, each in figures.items()}


def print_figures(operation: str, figures: dict[str, list[Figure]]) -> None:
    """Each side beside the first: more than 1 is faster, or less work."""
    print(f"{operation:28}{'a second':>10}{'ratio':>7}{'processor us':>14}{'ratio':>7}")
    medians = {name: median(each) for name, each in figures.items()}
    first = next(iter(medians.values()))
    for name, (wall, processor) in medians.items():
        print(
            f"  {name:26}{1e6 / wall:10.0f}{first.wall / wall:7.2f}"
            f"{processor:14.0f}{first.processor / processor:7.2f}"
        )


def median(figures: list[Figure]) -> Figure:
    return Figure(
        statistics.median(each.wall for each in figures),
        statistics.median(each.processor for each in figures),
    )


@contextmanager
def turns() -> Iterator[dict[str, Turn]]:
    """A turn of each side, with its connections open from turn to turn."""
    with (
        DynamoDbBackend.from_env() as backend,
        to_sync(AsyncDynamoDbBackend.from_env()) as adapted,
        ThreadPoolExecutor(AT_ONCE) as threads,
        asyncio.Runner() as runner,
    ):
        on_loop = AsyncDynamoDbBackend.from_env()
        yield {
            "threads": lambda operation: in_threads(threads, backend, operation),
            "tasks": lambda operation: runner.run(in_tasks(on_loop, operation)),
            "to_sync, from threads": lambda operation: in_threads(threads, adapted, operation),
        }
        runner.run(on_loop.close())


def in_threads(threads: ThreadPoolExecutor, backend: StorageBackend, operation: str) -> Figure:
    call = calls(backend)[operation]

    def work(_: int) -> None:
        for _ in range(OPERATIONS // AT_ONCE):
            call()

    started = now()
    list(threads.map(work, range(AT_ONCE)))
    return figure(started)


async def in_tasks(backend: AsyncDynamoDbBackend, operation: str) -> Figure:
    call = calls(backend)[operation]

    async def work() -> None:
        for _ in range(OPERATIONS // AT_ONCE):
            await call()

    started = now()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return figure(started)


def calls(backend: Any) -> dict[str, Callable[[], Any]]:
    return {
        "get": lambda: backend.get(RECORD.owner_id, RECORD.task.task_id),
        "put_if_version": lambda: backend.put_if_version(RECORD, 1),
    }


def now() -> Figure:
    return Figure(time.perf_counter(), time.process_time())


def figure(started: Figure) -> Figure:
    ended = now()
    return Figure(*((b - a) * 1e6 / OPERATIONS for a, b in zip(started, ended, strict=True)))


@contextmanager
def server() -> Iterator[int]:
    """The port of the server, for as long as it is needed."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def serve(ready: Connection) -> None:
    """Answer every request at once: a GetItem with the record, any other with nothing."""
    found = answer({"Item": items.encode(RECORD, 1)})
    done = answer({})

    class Server(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.read = transport, b""

        def data_received(self, data: bytes) -> None:
            self.read += data
            head, end, body = self.read.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            if end and len(body) >= int(length):
                self.read = b""  # no client sends a request before the last one is answered
                self.transport.write(found if b".GetItem" in head else done)

    async def run() -> None:
        listening = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        ready.send(listening.sockets[0].getsockname()[1])
        await listening.serve_forever()

    asyncio.run(run())


def answer(fields: dict[str, Any]) -> bytes:
    body = json.dumps(fields).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    main()
