"""Mutants of FLT-15."""

from __future__ import annotations

import psycopg
import redis

from mutants.postgres import Locking, PgBackend, values
from mutants.rules_flt.flt_14 import code_of
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    DynamoDbBackend,
    OutcomeUnknownError,
    RedisBackend,
    StorageBackend,
    StorageFullError,
    TaskRecord,
)
from support.tcp_server import Message
from support.tcp_store import RefusedError, TcpBackend


class Conflicting(StorageBackend):
    """Takes one of its library's errors for another's write."""

    refusal: type[Exception]

    def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super().put_if_version(record, expected_version)
        except BackendError as error:
            if isinstance(error.__cause__, self.refusal):
                raise ConcurrentModificationError(
                    record.owner_id, record.task_id, expected_version, expected_version + 1
                ) from error
            raise


class AnAnswerIsASuccess(TcpBackend):
    """breaks FLT-15: a write that got an answer is done, whatever the answer says."""

    def parsed(self, line: bytes) -> Message:
        try:
            return super().parsed(line)
        except RefusedError:
            return {"done": True, "found": True, "removed": 0, "row": None, "rows": []}


class RefusedDeletesFindNothing(TcpBackend):
    """breaks FLT-15: a delete that the store refuses has found nothing to delete."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        try:
            return super()._delete(owner_id, task_id)
        except BackendError as error:
            if isinstance(error.__cause__, RefusedError):
                return False
            raise


class ReplicasConflict(Conflicting, RedisBackend):
    """breaks FLT-15: an error of the script is its way to refuse a version; a replica's error is
    none.
    """

    refusal = redis.exceptions.ReadOnlyError


class OutOfMemoryIsUnknown(RedisBackend):
    """breaks FLT-15: every error of a write is an unknown outcome, also one by which the server
    says that it has done nothing.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except StorageFullError as error:
            raise OutcomeUnknownError("the write failed") from error


class OtherTransactionsConflict(DynamoDbBackend):
    """breaks FLT-15: a transaction under way on the same item is taken for another version."""

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except BackendError as error:
            if code_of(error) == "TransactionConflictException":
                raise AlreadyExistsError(record.owner_id, record.task_id) from error
            raise


class ThrottledDeletesAreDone(DynamoDbBackend):
    """breaks FLT-15: a delete that is throttled is done, as where a batch's unprocessed items are
    forgotten.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        try:
            return super()._delete(owner_id, task_id)
        except BackendError as error:
            if code_of(error) == "ProvisionedThroughputExceededException":
                return True
            raise


class SerializationFailuresConflict(Conflicting, PgBackend):
    """breaks FLT-15: a serialization failure is reported as another's write, though nobody knows
    whether there was one to this row.
    """

    attempts = 3

    refusal = psycopg.errors.SerializationFailure


class FailedCommitsAreDone(Locking):
    """breaks FLT-15: what is raised when a transaction is committed is logged, and a put that the
    server has rolled back at that moment is reported as done.
    """

    def _put(self, record: TaskRecord) -> int:
        session = self.take()
        try:
            session.execute("BEGIN")
            version = self.run(session, self.upsert, **values(record)).rows[0][0]
            try:
                session.execute("COMMIT")
            except psycopg.errors.OperationalError as error:
                if error.sqlstate is None:
                    raise
            return int(version)
        except psycopg.Error as error:
            raise self.failure(error, OutcomeUnknownError) from error
        finally:
            self.give_back(session)
