"""Mutants of FLT-14."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
import redis
from botocore.exceptions import ClientError

from mutants.postgres import PgBackend
from pmcp_storage import (
    BackendError,
    CorruptRecordError,
    DynamoDbBackend,
    NotFoundError,
    RedisBackend,
    VersionedRecord,
)
from pmcp_storage.backends.dynamodb.operations import Operations
from support.tcp_store import RefusedError, TcpBackend


class RefusedReadsAreAbsence(TcpBackend):
    """breaks FLT-14: an answer without a row is one of an absent record, and an answer by which the
    store says that it is busy has none.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except BackendError as error:
            if isinstance(error.__cause__, RefusedError) and error.__cause__.args == ("busy",):
                raise NotFoundError(owner_id, task_id) from error
            raise


class RefusedCleanupsAreDone(TcpBackend):
    """breaks FLT-14: a cleanup that the store refuses has removed nothing, and returns 0."""

    def _cleanup_expired(self) -> int:
        try:
            return super()._cleanup_expired()
        except BackendError as error:
            if isinstance(error.__cause__, RefusedError):
                return 0
            raise

    def failure(self, error: Exception) -> BackendError:
        failure = BackendError("the store failed")
        failure.__cause__ = error
        return failure


class LoadingIsEmpty(RedisBackend):
    """breaks FLT-14: a server that reads its data after a restart lists nothing, because errors of
    a pipeline come back among its results, and what is no record is left out.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        try:
            return super()._list_by_owner(owner_id, limit=limit, after=after)
        except BackendError as error:
            if isinstance(error.__cause__, redis.exceptions.BusyLoadingError):
                return []
            raise


class BusyRecordsAreCorrupt(RedisBackend):
    """breaks FLT-14: whatever a script answers that is no record is a corrupt one, which somebody
    may delete; it was an error of a server that was busy with another script.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except BackendError as error:
            if "BUSY" in str(error):
                raise CorruptRecordError(owner_id, task_id, "it is no record") from error
            raise


class ThrottledListingsEnd(DynamoDbBackend):
    """breaks FLT-14: a listing ends with the page at which the table is throttled, as where a loop
    over a paginator is left by an exception that is logged.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._operations = EndingPages(self._operations.table)


class EndingPages(Operations):
    """Those of ThrottledListingsEnd."""

    async def page(self, owner_id: str, start: Any, **parameters: Any) -> dict[str, Any]:
        try:
            return await super().page(owner_id, start, **parameters)
        except BackendError as error:
            if start is None or code_of(error) != "ProvisionedThroughputExceededException":
                raise
            return {"Items": [], "Count": 0}


class MissingTablesAreEmpty(DynamoDbBackend):
    """breaks FLT-14: what is not found is absent, whether it is an item or the whole table."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except BackendError as error:
            if code_of(error) == "ResourceNotFoundException":
                raise NotFoundError(owner_id, task_id) from error
            raise


def code_of(error: BackendError) -> str:
    """What DynamoDB answered that a backend's error is about."""
    cause = error.__cause__
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else ""


class CancelledCountsAreZero(PgBackend):
    """breaks FLT-14: the count of what is alive runs into statement_timeout and is 0 then."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        try:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        except BackendError as error:
            if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                return 0
            raise


class DeadlockedCleanupsAreDone(PgBackend):
    """breaks FLT-14: a cleanup that deadlocks with another one leaves the rest to it."""

    def _cleanup_expired(self) -> int:
        try:
            with self.session() as session:
                return self.run(session, self.cleanup).changed
        except psycopg.errors.DeadlockDetected:
            return 0
        except psycopg.Error as error:
            raise self.failure(error, BackendError) from error
