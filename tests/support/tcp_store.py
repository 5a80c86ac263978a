"""A correct client of a small key-value store over TCP: what the fault rules are tried on.

A refusal brings back the token that is stored with the row, so that a client whose answer was lost
recognizes its own write. The server is in `tcp_server`.
"""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pmcp_conformance import BackendTarget, Refusal
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    StorageBackend,
    StorageError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from support.tcp_server import Message, TcpServer

ATTEMPTS = 2
PAUSE = 0.02
"""Seconds before the second attempt."""

TIMEOUT = 0.4
"""Seconds to wait for a connection or an answer."""


class RefusedError(OSError):
    """No connection was made, so nothing was sent; or the server says that it did nothing."""


class Reply(NamedTuple):
    """An answer, and whether an attempt before the one answered may have been applied."""

    fields: Message
    unsure: bool


class TcpBackend(StorageBackend):
    """The correct client. Its steps are methods of their own, so that mutants can break one."""

    timeout: float | None = TIMEOUT

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        row = self.read(do="get", owner=owner_id, task=task_id)["row"]
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return read_row(owner_id, task_id, row["data"], row["version"])

    def _create(self, record: TaskRecord) -> int:
        return self.write_if(record, 0)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return self.write_if(record, expected_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        reply = self.write(do="delete", owner=owner_id, task=task_id)
        if reply.unsure and not reply.fields["found"]:
            raise OutcomeUnknownError("the record is gone, but who removed it is unknown")
        return bool(reply.fields["found"])

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        rows = self.read(do="list", owner=owner_id, limit=limit, after=after)["rows"]
        return [read_row(owner_id, row["task"], row["data"], row["version"]) for row in rows]

    def _cleanup_expired(self) -> int:
        now = datetime.now(UTC).timestamp()
        return int(self.write(do="cleanup", now=now).fields["removed"])

    def _close(self) -> None:
        with self._lock:
            for connection in self._idle:
                connection.close()

    def write_if(self, record: TaskRecord, expected: int) -> int:
        fields = self.row(record)
        reply = self.write(do="write", expected=expected, **fields)
        if self.is_own(reply, fields, expected):
            return expected + 1
        raise self.refusal(record, expected, reply)

    def row(self, record: TaskRecord) -> Message:
        expires_at = record.expires_at
        return {
            "owner": record.owner_id,
            "task": record.task_id,
            "data": record.to_json(),
            "token": uuid.uuid4().hex,
            "expiry": None if expires_at is None else expires_at.timestamp(),
        }

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        """Whether the record stands at the version after the expected one because of us."""
        return bool(reply.fields["done"] or reply.fields["token"] == fields["token"])

    def refusal(self, record: TaskRecord, expected: int, reply: Reply) -> StorageError:
        key, actual = (record.owner_id, record.task_id), reply.fields["version"]
        # One beyond the expected version our own write would stand, had it been applied.
        if reply.unsure and actual != expected + 1:
            return OutcomeUnknownError("the first answer was lost, and another has written since")
        if expected == 0:
            return AlreadyExistsError(*key)
        if actual == 0:
            return NotFoundError(*key)
        return ConcurrentModificationError(*key, expected, actual)

    def read(self, **request: Any) -> Message:
        """Ask for something that changes nothing."""
        try:
            return self.exchange(request).fields
        except (OSError, ValueError) as error:
            raise BackendError("the store cannot be read") from error

    def write(self, **request: Any) -> Reply:
        """Ask for a change."""
        try:
            return self.exchange(request)
        except (OSError, ValueError) as error:
            raise self.failure(error) from error

    def failure(self, error: Exception) -> StorageError:
        """The error of a write whose last attempt failed with this one."""
        if isinstance(error, RefusedError):
            return BackendError("the store cannot be reached; nothing was written")
        return OutcomeUnknownError("the store failed, and may have written before")

    def exchange(self, request: Message) -> Reply:
        """The first answer of some attempts; RefusedError if none of them can have arrived."""
        sent: Exception | None = None
        for attempt in range(ATTEMPTS):
            time.sleep(attempt * PAUSE)
            try:
                return Reply(self.attempt(request), unsure=sent is not None)
            except RefusedError as error:
                refused = error
            except (OSError, ValueError) as error:
                sent = error
        raise sent or refused

    def attempt(self, request: Message) -> Message:
        connection = self.connection()
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = self.parsed(self.line(connection))
        except BaseException:
            self.discard(connection)
            raise
        with self._lock:
            self._idle.append(connection)
        return answer

    def connection(self) -> socket.socket:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            connection = socket.create_connection(self._address, self.timeout)
        except OSError as error:
            raise RefusedError("no connection") from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def discard(self, connection: socket.socket) -> None:
        connection.close()

    def line(self, connection: socket.socket) -> bytes:
        """An answer, up to and with its newline."""
        parts: list[bytes] = []
        while not parts or not parts[-1].endswith(b"\n"):
            parts.append(connection.recv(65_536))
            if not parts[-1]:
                raise ConnectionResetError("the answer ends in its middle")
        return b"".join(parts)

    def parsed(self, line: bytes) -> Message:
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError("the answer is no object")
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return answer


class TcpTarget(BackendTarget):
    """The store with any client; its server starts when it is first needed."""

    name = "tcp"
    durable = False
    answer_within = 2.0
    server: type[TcpServer] = TcpServer

    def __init__(self, backend: type[TcpBackend] = TcpBackend) -> None:
        self._backend = backend
        self._server: TcpServer | None = None
        self._address: tuple[str, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_server": None}

    def prepare(self) -> None:
        self._server = self.server()
        self._address = self._server.server_address[:2]  # type: ignore[assignment]

    def dispose(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def open(self) -> StorageBackend:
        # A broken client is under test only behind the proxy; the direct one is correct.
        return TcpBackend(*self.address())

    def address(self) -> tuple[str, int]:
        if self._address is None:
            self.prepare()
        assert self._address is not None
        return self._address

    def refusals(self) -> list[Refusal]:
        return [Refusal(why, b'{"refused": "%s"}\n' % why.encode()) for why in ("busy", "full")]

    def open_at(self, host: str, port: int) -> StorageBackend:
        return self._backend(host, port)
