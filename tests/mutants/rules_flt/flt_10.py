"""Mutants of FLT-10."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import datetime

import psycopg

from mutants.postgres import Answer, PgBackend
from pmcp_storage import (
    BackendError,
    NotFoundError,
    VersionedRecord,
)
from support.tcp_server import Message
from support.tcp_store import TcpBackend


class StalledError(TimeoutError):
    """An answer that has stopped; its argument is what has come."""


class StalledListingsEnd(TcpBackend):
    """breaks FLT-10: a listing whose answer stops in the middle ends with what has arrived, because
    the time limit of a cursor is taken for its end.
    """

    def line(self, connection: socket.socket) -> bytes:
        received = b""
        while not received.endswith(b"\n"):
            try:
                part = connection.recv(65_536)
            except TimeoutError as error:
                raise StalledError(received) from error
            if not part:
                raise ConnectionResetError("the answer ends in its middle")
            received += part
        return received

    def attempt(self, request: Message) -> Message:
        try:
            return super().attempt(request)
        except StalledError as error:
            whole, cut, _ = error.args[0].rpartition(b', {"task": ')
            if not cut:
                raise
            return dict(json.loads(whole + b"]}"))


class CountOfTheLiveIsZero(TcpBackend):
    """breaks FLT-10: the count of an owner's live records, against which a quota is checked, is 0
    when the store fails, so that an outage refuses nobody.
    """

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        try:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        except BackendError:
            if live_at is None:
                raise
            return 0


class ErrorsAreAbsence(TcpBackend):
    """breaks FLT-10: a record that cannot be read is reported as absent, as caches do."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except BackendError as error:
            raise NotFoundError(owner_id, task_id) from error


class ErrorsAreEmpty(TcpBackend):
    """breaks FLT-10: a listing that fails is an empty one."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        try:
            return super()._list_by_owner(owner_id, limit=limit, after=after)
        except BackendError:
            return []


class ErrorsEndTheListing(TcpBackend):
    """breaks FLT-10: an error between two pages ends the iteration as the last page does."""

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        found = super()._pages(owner_id)
        first = next(found, None)
        if first is None:
            return
        yield first
        try:
            yield from found
        except BackendError:
            return


class TakesTheLateAnswer(TcpBackend):
    """breaks FLT-10: a request that timed out is repeated on the same connection. Its late first
    answer is taken for the second, and the second for the answer to the next request.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._asked = threading.local()

    def line(self, connection: socket.socket) -> bytes:
        try:
            return self.one_line(connection)
        except TimeoutError:
            connection.sendall(self._asked.line)
            return self.one_line(connection)

    def one_line(self, connection: socket.socket) -> bytes:
        """The next line, and nothing of what may have come behind it."""
        parts: list[bytes] = []
        while not parts or not parts[-1].endswith(b"\n"):
            ahead = connection.recv(65_536, socket.MSG_PEEK)
            parts.append(connection.recv(ahead.find(b"\n") + 1 or len(ahead)))
            if not parts[-1]:
                raise ConnectionResetError("the answer ends in its middle")
        return b"".join(parts)

    def attempt(self, request: Message) -> Message:
        self._asked.line = json.dumps(request).encode() + b"\n"
        return super().attempt(request)


class AnswersFromAMirror(TcpBackend):
    """breaks FLT-10: a record read before is served from a cache while the store is away."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._seen: dict[tuple[str, str], VersionedRecord] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        key = (owner_id, task_id)
        try:
            self._seen[key] = super()._get(*key)
        except BackendError:
            if key not in self._seen:
                raise
        return self._seen[key]


class LostReadsFindNothing(PgBackend):
    """breaks FLT-10: a read whose connection is lost has no rows, as where errors are logged and
    the result stays the empty list that it began as.
    """

    def read(self, statement: str, **values: object) -> Answer:
        try:
            return super().read(statement, **values)
        except BackendError as error:
            if isinstance(error.__cause__, psycopg.OperationalError):
                return Answer([], 0)
            raise
