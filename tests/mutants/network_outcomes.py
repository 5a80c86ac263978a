"""Mutants of FLT, from 8 on: clients over TCP whose answers under faults are not true."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

from pmcp_storage import (
    BackendError,
    NotFoundError,
    OutcomeUnknownError,
    StorageError,
    TaskRecord,
    VersionedRecord,
)
from support.tcp_store import ATTEMPTS, Message, RefusedError, Reply, TcpBackend


class RepeatsWithTheNewVersion(TcpBackend):
    """breaks FLT-8: a swap that failed is repeated with whatever version is stored by then."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except OutcomeUnknownError:
            version = self._get(record.owner_id, record.task_id).version
            return super()._put_if_version(record, version)


class UnknownIsFailure(TcpBackend):
    """breaks FLT-8: a write that was applied and lost its answer counts as failed, and is seen."""

    def exchange(self, request: Message) -> Reply:
        if request["do"] != "write":
            return super().exchange(request)
        try:
            return Reply(self.attempt(request), unsure=False)
        except (OSError, ValueError) as error:
            raise RefusedError("failed") from error


class ComparesValues(TcpBackend):
    """breaks FLT-9: after a lost answer, a stored record equal to ours is taken for ours."""

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        if not reply.unsure or reply.fields["done"]:
            return super().is_own(reply, fields, expected)
        stored = self._get(fields["owner"], fields["task"])
        return stored.version == expected + 1 and stored.record.to_json() == fields["data"]


class ComparesVersions(TcpBackend):
    """breaks FLT-9: after a lost answer, the version after the expected one is taken for ours."""

    def is_own(self, reply: Reply, fields: Message, expected: int) -> bool:
        own = super().is_own(reply, fields, expected)
        return own or (reply.unsure and reply.fields["version"] == expected + 1)


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
    """breaks FLT-10: what timed out is asked again on the same connection. Its first answer, late,
    is taken for the second, and the second for that of the next request.
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
    """breaks FLT-10: a record that was read before is shown again while the store is away."""

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


class HasNoTimeout(TcpBackend):
    """breaks FLT-11: a socket without a timeout waits for an answer for ever."""

    timeout = None


class TimeoutsEscape(TcpBackend):
    """breaks FLT-11: only broken connections are translated, not the library's timeouts."""

    def exchange(self, request: Message) -> Reply:
        try:
            return super().exchange(request)
        except TimeoutError as error:
            raise LookupError("timed out") from error


class TimeoutsAreFailures(TcpBackend):
    """breaks FLT-11: what was not answered in time counts as not done, as a cancelled call does."""

    def failure(self, error: Exception) -> StorageError:
        if isinstance(error, TimeoutError):
            return BackendError("the store did not answer in time")
        return super().failure(error)


class UnknownCalledRefused(TcpBackend):
    """breaks FLT-12: every failed write is said to have written nothing."""

    def failure(self, error: Exception) -> StorageError:
        return BackendError("the write failed")


class ForgetsTheFirstAttempt(TcpBackend):
    """breaks FLT-12: the error of the last attempt decides: applied first and refused then counts
    as refused.
    """

    def exchange(self, request: Message) -> Reply:
        last: Exception | None = None
        for attempt in range(ATTEMPTS):
            try:
                return Reply(self.attempt(request), unsure=attempt > 0)
            except (OSError, ValueError) as error:
                last = error
        assert last is not None
        raise last


class RefusedCalledUnknown(TcpBackend):
    """breaks FLT-13: every failed write is called unknown, and callers have to read each time."""

    def failure(self, error: Exception) -> StorageError:
        return OutcomeUnknownError("the write failed")


class EveryRetryIsUnsure(TcpBackend):
    """breaks FLT-13: a conflict at the second attempt is called unknown, though the first was
    refused a connection.
    """

    def exchange(self, request: Message) -> Reply:
        try:
            return Reply(self.attempt(request), unsure=False)
        except (OSError, ValueError):
            return super().exchange(request)._replace(unsure=True)


class SendsItLater(TcpBackend):
    """breaks FLT-13: an offline queue. A write that was refused a connection has failed for its
    caller, and is sent all the same when the store is back.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._queue: list[Message] = []

    def write(self, **request: Any) -> Reply:
        try:
            while self._queue:
                self.exchange(self._queue[0])
                self._queue.pop(0)
            return self.exchange(request)
        except (OSError, ValueError) as error:
            if isinstance(error, RefusedError):
                self._queue.append(request)
            raise self.failure(error) from error
