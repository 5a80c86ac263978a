"""Correct backends on PostgreSQL, for mutants to break: a statement, a part of one, or a step.

One table, and one statement an operation; in `Locking`, a transaction for a write. Nothing is ever
sent twice but what the server has rolled back: where an answer is lost, the outcome is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from support.postgres_sessions import Pool, Session

MOST = 2**63 - 1
"""The greatest limit of a query."""

_PART = re.compile(r"\{(\w+)\}")


class Answer(NamedTuple):
    """What a statement brought: its rows, and how many rows it wrote, removed or found."""

    rows: list[tuple[Any, ...]]
    changed: int


class PgBackend(StorageBackend):
    """The correct backend. What is in braces in a statement is the attribute of that name."""

    layout = """CREATE TABLE {table} (
        owner_id text COLLATE "C", task_id text COLLATE "C", version bigint NOT NULL,
        expires_at timestamptz, data text NOT NULL, PRIMARY KEY (owner_id, task_id))"""
    key = "owner_id = %(owner)s AND task_id = %(task)s"
    row = "%(owner)s, %(task)s, 1, {expiry}, {data}"
    expiry = "%(expires_at)s::timestamptz"
    data = "%(data)s"
    shown = "task_id, data, version"
    live_at = "%(live_at)s::timestamptz"
    has_expired = "expires_at <= clock_timestamp()"

    select = "SELECT {shown} FROM {table} WHERE {key}"
    insert = """INSERT INTO {table} AS stored (owner_id, task_id, version, expires_at, data)
        VALUES ({row})"""
    upsert = """{insert} ON CONFLICT (owner_id, task_id) DO UPDATE SET version = stored.version + 1,
        expires_at = excluded.expires_at, data = excluded.data RETURNING version"""
    update = """UPDATE {table} SET version = version + 1, expires_at = {expiry}, data = {data}
        WHERE {key}"""
    swap = "{update} AND version = %(expected)s"
    remove = "DELETE FROM {table} WHERE {key}"
    listed = "owner_id = %(owner)s"
    page = """SELECT {shown} FROM {table} WHERE {listed} AND task_id < %(after)s
        ORDER BY task_id DESC LIMIT %(limit)s"""
    first_page = page.replace(" AND task_id < %(after)s", "")
    count = """SELECT count(*) FROM (SELECT FROM {table} WHERE {listed} AND
        ({live_at} IS NULL OR expires_at IS NULL OR expires_at > {live_at})
        LIMIT %(limit)s) AS counted"""
    cleanup = "DELETE FROM {table} WHERE {has_expired}"

    attempts = 20
    """How often what the server has rolled back is sent."""

    def __init__(self, url: str, schema: str) -> None:
        self.url = url
        self.table = f"{schema}.tasks"
        self.pool = Pool(self.connect)
        self._made: dict[str, bytes] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.read(self.select, owner=owner_id, task=task_id).rows
        if not found:
            raise NotFoundError(owner_id, task_id)
        return self.entry(owner_id, found[0], task_id)

    def entry(self, owner_id: str, row: tuple[Any, ...], task_id: str) -> VersionedRecord:
        return read_row(owner_id, task_id, row[1], row[2])

    def _create(self, record: TaskRecord) -> int:
        if not self.write("{insert} ON CONFLICT DO NOTHING", **values(record)).changed:
            raise AlreadyExistsError(record.owner_id, record.task_id)
        return 1

    def _put(self, record: TaskRecord) -> int:
        return int(self.write(self.upsert, **values(record)).rows[0][0])

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        # A record that comes back to the expected version after it was refused is tried again.
        while not self.write(self.swap, **values(record), expected=expected_version).changed:
            actual = self._get(record.owner_id, record.task_id).version
            if actual != expected_version:
                raise conflict(record, expected_version, actual)
        return expected_version + 1

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return bool(self.write(self.remove, owner=owner_id, task=task_id).changed)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        statement = self.first_page if after is None else self.page
        rows = self.read(statement, owner=owner_id, limit=min(limit, MOST), after=after).rows
        return [self.entry(owner_id, row, row[0]) for row in rows]

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        limit = None if at_most is None else min(at_most, MOST)
        found = self.read(self.count, owner=owner_id, live_at=live_at, limit=limit)
        return int(found.rows[0][0])

    def _cleanup_expired(self) -> int:
        return self.write(self.cleanup).changed

    def _close(self) -> None:
        self.pool.close()

    def read(self, statement: str, **values: object) -> Answer:
        """Carry out a statement that changes nothing."""
        return self.carry_out(statement, values, BackendError)

    def write(self, statement: str, **values: object) -> Answer:
        """Carry out a statement that changes something."""
        return self.carry_out(statement, values, OutcomeUnknownError)

    def carry_out(
        self, statement: str, values: dict[str, object], lost: type[BackendError]
    ) -> Answer:
        """The answer to a statement in a transaction of its own. Raises `lost` if none comes."""
        for _ in range(self.attempts):
            try:
                with self.session() as session:
                    return self.run(session, statement, **values)
            except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
                again = error
            except (psycopg.Error, ValueError) as error:
                raise self.failure(error, lost) from error
        raise BackendError(f"rolled back {self.attempts} times by the server") from again

    def run(self, session: Session, statement: str, **values: object) -> Answer:
        """Send a statement on this connection. Raises what psycopg raises."""
        cursor = session.execute(self.sql(statement), values)
        return Answer(cursor.fetchall() if cursor.description else [], cursor.rowcount)

    def sql(self, statement: str) -> bytes:
        """The statement with its parts in their places, made once."""
        if statement not in self._made:
            self._made[statement] = self._with_parts(statement)
        return self._made[statement]

    def _with_parts(self, statement: str) -> bytes:
        while _PART.search(statement):
            statement = _PART.sub(lambda part: str(getattr(self, part[1])), statement)
        return statement.encode()

    def failure(self, error: Exception, lost: type[BackendError]) -> BackendError:
        """What an error of the library means. Its text is not shown: it can quote what is stored.

        An error of the server's comes from a statement that it has rolled back, unless the server
        is about to go (classes 08, 57 but for a cancelled statement, and 58)."""
        state = getattr(error, "sqlstate", None) or ""
        told = f"PostgreSQL answers with {type(error).__name__} {state}: is {self.table} there?"
        certain = state == "57014" or (state and state[:2] not in ("08", "57", "58"))
        return BackendError(told) if certain else lost(told)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection, for as long as the `with` lasts. Raises BackendError if there is none."""
        session = self.take()
        try:
            yield session
        finally:
            self.give_back(session)

    def take(self) -> Session:
        try:
            return self.pool.take()
        except psycopg.Error as error:
            raise BackendError(f"PostgreSQL cannot be reached: {type(error).__name__}") from error

    def connect(self) -> Session:
        return Session.connect(self.url, autocommit=True, prepare_threshold=None)

    def give_back(self, session: Session) -> None:
        self.pool.give_back(session)


class Locking(PgBackend):
    """As correct: a write locks the row, looks at it and writes, in one transaction."""

    lock = "SELECT version FROM {table} WHERE {key} FOR UPDATE"
    isolation = "READ COMMITTED"

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self.transaction() as session:
            found = self.run(session, self.lock, **values(record)).rows
            if not found:
                raise NotFoundError(record.owner_id, record.task_id)
            if found[0][0] != expected_version:
                raise conflict(record, expected_version, found[0][0])
            self.run(session, self.update, **values(record))
        return expected_version + 1

    def _put(self, record: TaskRecord) -> int:
        with self.transaction() as session:
            version = self.run(session, self.upsert, **values(record)).rows[0][0]
        return int(version)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A connection for the statements of one transaction, rolled back by an error."""
        try:
            with self.session() as session, session.transaction():
                session.execute(self.sql("SET TRANSACTION ISOLATION LEVEL {isolation}"))
                yield session
        except psycopg.Error as error:
            raise self.failure(error, OutcomeUnknownError) from error


class IdleInTransaction(PgBackend):
    """Reads begin a transaction and leave it open; a write that follows in it commits it."""

    def connect(self) -> Session:
        session = super().connect()
        session.autocommit = False
        return session

    def run(self, session: Session, statement: str, **values: object) -> Answer:
        answer = super().run(session, statement, **values)
        if not self.sql(statement).startswith(b"SELECT"):
            session.commit()
        return answer

    def give_back(self, session: Session) -> None:
        if session.info.transaction_status == TransactionStatus.INERROR:
            session.rollback()
        self.pool.keep(session)


def values(record: TaskRecord) -> dict[str, object]:
    """The parameters of a statement that writes the record."""
    return {
        "owner": record.owner_id,
        "task": record.task_id,
        "expires_at": record.expires_at,
        "data": record.to_json(),
    }


def conflict(record: TaskRecord, expected: int, actual: int) -> ConcurrentModificationError:
    return ConcurrentModificationError(record.owner_id, record.task_id, expected, actual)
