"""Mutants of FLT-13."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from mutants.dynamodb_async import SendsOtherwise
from pmcp_storage import (
    BackendError,
    OutcomeUnknownError,
    StorageError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.dynamodb.attempts import Attempts
from pmcp_storage.backends.dynamodb.http_sender import HttpSender
from pmcp_storage.backends.dynamodb.table import FailedError
from support.tcp_server import Message
from support.tcp_store import RefusedError, Reply, TcpBackend


class SendsItBeforeTheNextRead(TcpBackend):
    """breaks FLT-13: a put_if_version that has failed for its caller is kept, and sent before the
    next get, so that this handle reads its own writes.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._kept: list[tuple[TaskRecord, int]] = []

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        kept, self._kept = self._kept, []
        for write in kept:
            self.write_if_it_can(*write)
        return super()._get(owner_id, task_id)

    def write_if_it_can(self, *write: Any) -> None:
        try:
            self.write_if(*write)
        except StorageError:
            return

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except BackendError as error:
            if not isinstance(error, OutcomeUnknownError):
                self._kept.append((record, expected_version))
            raise


class RefusedCalledUnknown(TcpBackend):
    """breaks FLT-13: every failed write is reported as unknown: callers have to read each time."""

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
    """breaks FLT-13: an offline queue: a write that was refused a connection has failed for its
    caller, and is nevertheless sent when the store is back.
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


class _TakesAllForSent(HttpSender):
    async def _attempt(self, action: str, body: bytes, attempts: Attempts) -> dict[str, Any]:
        try:
            return await super()._attempt(action, body, attempts)
        except FailedError as failed:
            attempts.last |= not isinstance(failed.error, ClientError)
            raise


class HttpErrorsAreUnknown(SendsOtherwise):
    """breaks FLT-13: every exception of the HTTP client leaves the outcome unknown, because the
    class from which all of them are derived is what is caught.
    """

    sender = _TakesAllForSent
