"""What the PostgreSQL tests share: records, schemas of their own, and a proxy on the wire.

Import `schema` and `backend` into a test module to use them as fixtures.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import pytest

from pmcp_storage import PostgresBackend, Task, TaskRecord, TaskStatus
from pmcp_storage.backends.postgres.creation import create_missing
from support.postgres_processes import conninfo
from support.postgres_server import PostgresServer

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)
PAST = NOW - timedelta(hours=1)


def make(task_id: str = "t", owner_id: str = "o", **fields: Any) -> TaskRecord:
    task = Task(
        task_id=task_id, status=TaskStatus.WORKING, created_at=NOW, last_updated_at=NOW, ttl=None
    )
    return TaskRecord(task=task, owner_id=owner_id, request_method="tools/call", **fields)


def set_up(url: str, schema: str = "pmcp") -> None:
    for _ in create_missing(url, schema):
        pass


@pytest.fixture
def schema(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a schema of the test's own, with the table in it."""
    name = f"test_{uuid4().hex}"
    set_up(postgres_server.url(), name)
    yield name
    postgres_server.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def backend(postgres_server: PostgresServer, schema: str) -> Iterator[PostgresBackend]:
    with PostgresBackend.from_url(postgres_server.url(), schema) as backend:
        yield backend


def sessions(server: PostgresServer) -> int:
    """How many connections of backends the server has."""
    counted = server.execute(
        "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'pmcp-storage'"
    )
    return int(str(counted[0][0]))


def eventually(holds: Callable[[], bool]) -> None:
    """A server notices only after a moment that a client has left."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


Spoil = Callable[[bytes, bytes], bytes | None]
"""Gets the type of a message of the server's and all its bytes; returns what to pass on, or None
to cut the connection."""


class WireProxy:
    """Stands before a PostgreSQL, counts round trips, and does to messages what `spoil` does."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.round_trips = 0
        self.spoil: Spoil = lambda kind, message: message
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, user: str = "postgres", **options: str) -> str:
        return conninfo(self.port, "postgres", user, **options)

    def once(self, kind: bytes, spoil: Callable[[bytes], bytes | None]) -> None:
        """Spoil the next message of this type; everything passes before and after."""

        def spoiling(found: bytes, message: bytes) -> bytes | None:
            if found != kind:
                return message
            self.spoil = lambda kind, message: message
            return spoil(message)

        self.spoil = spoiling

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A shutdown, because closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        address = ("127.0.0.1", self._server_port)
        with client, contextlib.suppress(OSError), socket.create_connection(address) as server:
            turn = _Turn()
            answering = threading.Thread(target=self._answer, args=(server, client, turn))
            answering.start()
            while request := client.recv(1 << 20):
                if turn.clients:
                    turn.clients = False
                    self.round_trips += 1
                server.sendall(request)
            server.shutdown(socket.SHUT_RDWR)
            answering.join()

    def _answer(self, server: socket.socket, client: socket.socket, turn: _Turn) -> None:
        with contextlib.suppress(OSError), server.makefile("rb") as messages:
            while head := messages.read(5):
                kind, length = head[:1], struct.unpack(">i", head[1:])[0]
                passed = self.spoil(kind, head + messages.read(length - 4))
                if passed is None:
                    break
                if kind == b"Z":  # ReadyForQuery
                    turn.clients = True
                client.sendall(passed)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


class _Turn:
    clients = False
    """Whether the server waits for the client's next request."""


def error_response(severity: str, sqlstate: str, message: str) -> bytes:
    """A message of the server's: an ErrorResponse."""
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": message}
    body = b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items())
    return b"E" + struct.pack(">i", len(body) + 5) + body + b"\0"
