"""Mutants of FLT-12."""

from __future__ import annotations

import time
from typing import Any

from mutants.dynamodb_async import SendsOtherwise
from mutants.postgres import Locking
from mutants.redis_target import ExpiringAfterwards
from pmcp_storage import (
    BackendError,
    NotFoundError,
    OutcomeUnknownError,
    StorageError,
    TaskRecord,
)
from pmcp_storage.backends.dynamodb.attempts import Attempts
from pmcp_storage.backends.dynamodb.http_sender import HttpSender
from support.tcp_server import Message
from support.tcp_store import ATTEMPTS, PAUSE, RefusedError, Reply, TcpBackend


class FirstAttemptDecides(TcpBackend):
    """breaks FLT-12: only the first attempt decides whether a write is in doubt: one that was
    refused a connection first, and then applied without an answer, counts as refused.
    """

    def exchange(self, request: Message) -> Reply:
        first: Exception | None = None
        for attempt in range(ATTEMPTS):
            time.sleep(attempt * PAUSE)
            try:
                answer = self.attempt(request)
            except (OSError, ValueError) as error:
                first = first or error
            else:
                return Reply(answer, unsure=bool(first and not isinstance(first, RefusedError)))
        assert first is not None
        raise first


class UnknownCalledRefused(TcpBackend):
    """breaks FLT-12: every failed write is reported as having written nothing."""

    def failure(self, error: Exception) -> StorageError:
        return BackendError("the write failed")


class TimeoutsAreFailures(TcpBackend):
    """breaks FLT-12: a write not answered in time counts as not applied, like a cancelled call."""

    def failure(self, error: Exception) -> StorageError:
        if isinstance(error, TimeoutError):
            return BackendError("the store did not answer in time")
        return super().failure(error)


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


class OldVersionIsProof(TcpBackend):
    """breaks FLT-12: a put_if_version that was not answered looks at the row, and takes the version
    that it expected for proof that nothing was written; its request may still be on the way.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except OutcomeUnknownError as error:
            if self._get(record.owner_id, record.task_id).version == expected_version:
                raise BackendError("the row is unchanged; nothing was written") from error
            raise

    def exchange(self, request: Message) -> Reply:
        return Reply(self.attempt(request), unsure=False)


class AbsenceIsProof(TcpBackend):
    """breaks FLT-12: a create that was not answered finds no row and takes that for proof that
    nothing was written; its request may still be on the way.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except OutcomeUnknownError as error:
            try:
                self._get(record.owner_id, record.task_id)
            except NotFoundError:
                raise BackendError("there is no row; nothing was written") from error
            raise

    def exchange(self, request: Message) -> Reply:
        return Reply(self.attempt(request), unsure=False)


class FailedCommitsAreRolledBack(Locking):
    """breaks FLT-12: an error of the COMMIT is taken to mean, as that of any other statement, that
    the transaction was rolled back.
    """

    def failure(self, error: Exception, lost: type[BackendError]) -> BackendError:
        return super().failure(error, BackendError)


class ExpiresByASecondRequest(ExpiringAfterwards):
    """breaks FLT-12: a record is written by one request and given its expiry by another. Where the
    server goes down in between, what may have been applied lives for ever.
    """


class _LastAttemptDecides(HttpSender):
    async def _attempt(self, action: str, body: bytes, attempts: Attempts) -> dict[str, Any]:
        try:
            return await super()._attempt(action, body, attempts)
        finally:
            attempts.earlier = False


class ForgetsEarlierAttempts(SendsOtherwise):
    """breaks FLT-12: a loop around an HTTP client repeats a write, and its last attempt decides:
    applied first and refused a connection then counts as refused.
    """

    sender = _LastAttemptDecides
