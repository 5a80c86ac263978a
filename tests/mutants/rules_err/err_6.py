"""Mutants of ERR-6."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import Locking, values
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    TaskRecord,
    VersionedRecord,
)
from support.postgres_sessions import Session


class AbortedAfterAConflict(Seamed):
    """breaks ERR-6: after a refused write the handle's transaction stays open: "commands are
    ignored until the end of the transaction block".
    """

    _aborted = False

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            self._aborted = True
            raise

    def _put(self, record: TaskRecord) -> int:
        if self._aborted:
            self._aborted = False
            raise BackendError("current transaction is aborted")
        return super()._put(record)


class DroppedAfterAnAbsence(Seamed):
    """breaks ERR-6: after a get of an absent key the next listing is empty: the broken cursor is
    used once more.
    """

    _broken = False

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            self._broken = True
            raise

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        broken, self._broken = self._broken, False
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [] if broken else found


class LimitIsStickyAfterAnError(Seamed):
    """breaks ERR-6: a write after a refused create is lost: it is rolled back with it."""

    _refused = False

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except Exception:
            self._refused = True
            raise

    def _put(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        version = super()._put(record)
        if self._refused and row is not None:
            self._refused = False
            self.overwrite(key_of(record), version=row.version, data=row.data)
        return version


class LeavesTheTransactionFailed(Locking):
    """breaks ERR-6: a connection whose transaction has failed goes back to the pool without a
    rollback, and refuses whatever comes next.
    """

    def _create(self, record: TaskRecord) -> int:
        session = self.take()
        try:
            session.execute("BEGIN")
            self.run(session, self.insert, **values(record))
            session.execute("COMMIT")
        except psycopg.errors.UniqueViolation as error:
            raise AlreadyExistsError(record.owner_id, record.task_id) from error
        except psycopg.Error as error:
            raise self.failure(error, OutcomeUnknownError) from error
        finally:
            self.pool.keep(session)
        return 1


class RollsBackOnCheckout(Locking):
    """breaks ERR-6: a connection is rolled back when it is taken out of the pool, not when it comes
    back after an error: until then the row that a refused write has locked stays locked.
    """

    def take(self) -> Session:
        session = super().take()
        session.rollback()
        return session

    def give_back(self, session: Session) -> None:
        if session.info.transaction_status == TransactionStatus.UNKNOWN:
            session.close()
        else:
            self.pool.keep(session)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        try:
            with self.session() as session:
                session.execute("BEGIN")
                yield session
                session.execute("COMMIT")
        except psycopg.Error as error:
            raise self.failure(error, OutcomeUnknownError) from error
