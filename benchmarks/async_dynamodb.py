"""AsyncDynamoDbBackend with 32 tasks at once beside DynamoDbBackend with 32 threads.

A record of some 2 KB is read and written. The server is no DynamoDB: it answers each request at
once with the same bytes, from a process of its own, so that it is the client that is measured. The
limit says that a process does at least 1.7 times as many operations.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any
from unittest.mock import patch

from benchmarks.at_once import AT_ONCE, beside, from_tasks, from_threads
from benchmarks.engines import Engines
from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Step, make_record
from pmcp_storage import AsyncDynamoDbBackend, DynamoDbBackend, to_sync
from pmcp_storage.backends.dynamodb import items

RECORD = make_record(0)
LIMIT = Limit(round(1 / 1.7, 2))
OURS, THEIRS, ADAPTED = "AsyncDynamoDbBackend", "DynamoDbBackend", "the same over to_sync"


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    with _server() as port, patch.dict("os.environ", _settings(port)), _sides() as sides:
        for name, limit in ((OURS, LIMIT), (ADAPTED, None)):
            for operation, step in sides[name].items():
                theirs = sides[THEIRS][operation]
                yield beside((operation, name, THEIRS), step, theirs, scale, limit)


def _settings(port: int) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1", **keys}


@contextmanager
def _sides() -> Iterator[dict[str, Mapping[str, Step]]]:
    """The steps of each side, whose connections stay open from turn to turn."""
    with (
        DynamoDbBackend.from_env() as backend,
        to_sync(AsyncDynamoDbBackend.from_env()) as adapted,
        ThreadPoolExecutor(AT_ONCE) as threads,
        asyncio.Runner() as runner,
    ):
        on_loop = AsyncDynamoDbBackend.from_env()
        yield {
            OURS: {name: from_tasks(runner, call) for name, call in _calls(on_loop).items()},
            THEIRS: {name: from_threads(threads, call) for name, call in _calls(backend).items()},
            ADAPTED: {name: from_threads(threads, call) for name, call in _calls(adapted).items()},
        }
        runner.run(on_loop.close())


def _calls(backend: Any) -> dict[str, Callable[[], Any]]:
    return {
        "get": lambda: backend.get(RECORD.owner_id, RECORD.task.task_id),
        "put_if_version": lambda: backend.put_if_version(RECORD, 1),
    }


@contextmanager
def _server() -> Iterator[int]:
    """The port of the server, for as long as it is needed."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(ready: Connection) -> None:
    """Answer every request at once: a GetItem with the record, any other with nothing."""
    found = _answer({"Item": items.encode(RECORD, 1)})
    done = _answer({})

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

    async def serve() -> None:
        listening = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        ready.send(listening.sockets[0].getsockname()[1])
        await listening.serve_forever()

    asyncio.run(serve())


def _answer(fields: dict[str, Any]) -> bytes:
    body = json.dumps(fields).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
