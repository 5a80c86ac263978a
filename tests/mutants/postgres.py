"""A correct backend on a real PostgreSQL, and the target that describes it: what mutants break.

One table in a schema of the target's own, and one statement an operation. Nothing is ever sent
twice but what the server has rolled back: where an answer is lost, the outcome is unknown. Mutants
replace a statement, a part of one, or a step. The server is started once, by `server_url`.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from importlib import import_module
from typing import Any, LiteralString, NamedTuple, cast
from uuid import uuid4

import psycopg
from psycopg import waiting
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from pmcp_conformance import BackendTarget
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
from postgres_server import running

URL = "PMCP_MUTANTS_POSTGRES_URL"
"""The environment variable that names the server, for the processes that this one starts."""

PATIENCE = 1.0
"""Seconds to wait for an answer."""

ATTEMPTS = 20
"""How often what the server has rolled back is sent."""

_PART = re.compile(r"\{(\w+)\}")

_server = ExitStack()


def server_url() -> str:
    """Where the server listens; started with the first call, and for all processes that follow."""
    if URL not in os.environ:
        os.environ[URL] = _server.enter_context(running()).url()
        _server.callback(os.environ.pop, URL)
    return os.environ[URL]


def stop_server() -> None:
    """End the server, if this process has started it."""
    _server.close()


class Session(psycopg.Connection[Any]):
    """A connection that does not wait for an answer for ever."""

    patience: float | None = PATIENCE

    def wait(self, gen: Any, interval: float = 0.1) -> Any:
        until = None if self.patience is None else time.monotonic() + self.patience
        return waiting.wait(_impatient(gen, until), self.pgconn.socket, interval)


def _impatient(gen: Any, until: float | None) -> Any:
    ready = None
    try:
        while True:
            wanted = gen.send(ready)
            while not (ready := (yield wanted)):
                if until is not None and time.monotonic() > until:
                    raise psycopg.OperationalError("no answer in time")
    except StopIteration as end:
        return end.value


class Answer(NamedTuple):
    """What a statement brought: its rows, and how many rows it wrote, removed or found."""

    rows: list[tuple[Any, ...]]
    count: int


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
        (%(live_at)s::timestamptz IS NULL OR expires_at IS NULL OR expires_at > %(live_at)s)
        LIMIT %(limit)s) AS counted"""
    cleanup = "DELETE FROM {table} WHERE {has_expired}"

    def __init__(self, url: str, schema: str) -> None:
        self.url = url
        self.table = f"{schema}.tasks"
        self.idle: list[psycopg.Connection[Any]] = []

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.read(self.select, owner=owner_id, task=task_id).rows
        if not found:
            raise NotFoundError(owner_id, task_id)
        return self.entry(owner_id, found[0], task_id)

    def entry(self, owner_id: str, row: tuple[Any, ...], task_id: str) -> VersionedRecord:
        return read_row(owner_id, task_id, row[1], row[2])

    def _create(self, record: TaskRecord) -> int:
        if not self.write("{insert} ON CONFLICT DO NOTHING", **values(record)).count:
            raise AlreadyExistsError(record.owner_id, record.task_id)
        return 1

    def _put(self, record: TaskRecord) -> int:
        return int(self.write(self.upsert, **values(record)).rows[0][0])

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        # A record that comes back to the expected version after it was refused is tried again.
        while not self.write(self.swap, **values(record), expected=expected_version).count:
            actual = self._get(record.owner_id, record.task_id).version
            if actual != expected_version:
                raise conflict(record, expected_version, actual)
        return expected_version + 1

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return bool(self.write(self.remove, owner=owner_id, task=task_id).count)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        statement = self.first_page if after is None else self.page
        rows = self.read(statement, owner=owner_id, limit=limit, after=after).rows
        return [self.entry(owner_id, row, row[0]) for row in rows]

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        found = self.read(self.count, owner=owner_id, live_at=live_at, limit=at_most)
        return int(found.rows[0][0])

    def _cleanup_expired(self) -> int:
        return self.write(self.cleanup).count

    def _close(self) -> None:
        while self.idle:
            self.idle.pop().close()

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
        for _ in range(ATTEMPTS):
            try:
                with self.session() as session:
                    return self.run(session, statement, **values)
            except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
                again = error
            except (psycopg.Error, ValueError) as error:
                raise self.failure(error, lost) from error
        raise BackendError(f"rolled back {ATTEMPTS} times by the server") from again

    def run(self, session: psycopg.Connection[Any], statement: str, **values: object) -> Answer:
        """Send a statement on this connection. Raises what psycopg raises."""
        cursor = session.execute(self.sql(statement), values)
        return Answer(cursor.fetchall() if cursor.description else [], cursor.rowcount)

    def sql(self, statement: str) -> LiteralString:
        """The statement with its parts in their places."""
        while _PART.search(statement):
            statement = _PART.sub(lambda part: str(getattr(self, part[1])), statement)
        return cast(LiteralString, statement)

    def failure(self, error: Exception, lost: type[BackendError]) -> BackendError:
        """What an error of the library means. Its text is not shown: it can quote what is stored.

        An error of the server's comes from a statement that it has rolled back, unless the server
        is about to go (classes 08, 57 and 58)."""
        state = getattr(error, "sqlstate", None) or ""
        told = f"PostgreSQL answers with {type(error).__name__} {state}: is {self.table} there?"
        certain = state and state[:2] not in ("08", "57", "58")
        return BackendError(told) if certain else lost(told)

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection, for as long as the `with` lasts. Raises BackendError if there is none."""
        session = self.take()
        try:
            yield session
        finally:
            self.give_back(session)

    def take(self) -> psycopg.Connection[Any]:
        with suppress(IndexError):
            while True:
                if is_usable(session := self.idle.pop()):
                    return session
                session.close()
        try:
            return self.connect()
        except psycopg.Error as error:
            raise BackendError(f"PostgreSQL cannot be reached: {type(error).__name__}") from error

    def connect(self) -> psycopg.Connection[Any]:
        return Session.connect(self.url, autocommit=True, prepare_threshold=None)

    def give_back(self, session: psycopg.Connection[Any]) -> None:
        if self._closed or session.info.transaction_status != TransactionStatus.IDLE:
            session.close()
        else:
            self.idle.append(session)


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
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for the statements of one transaction, rolled back by an error."""
        try:
            with self.session() as session, session.transaction():
                session.execute(self.sql("SET TRANSACTION ISOLATION LEVEL {isolation}"))
                yield session
        except psycopg.Error as error:
            raise self.failure(error, OutcomeUnknownError) from error


class IdleInTransaction(PgBackend):
    """Reads begin a transaction and leave it open; a write that follows in it commits it."""

    def connect(self) -> psycopg.Connection[Any]:
        session = super().connect()
        session.autocommit = False
        return session

    def run(self, session: psycopg.Connection[Any], statement: str, **values: object) -> Answer:
        answer = super().run(session, statement, **values)
        if not self.sql(statement).startswith("SELECT"):
            session.commit()
        return answer

    def give_back(self, session: psycopg.Connection[Any]) -> None:
        if self._closed or session.info.transaction_status == TransactionStatus.INERROR:
            session.close()
        else:
            self.idle.append(session)


def is_usable(session: psycopg.Connection[Any]) -> bool:
    """Whether nothing has come on the idle connection, such as its end."""
    if session.closed:
        return False
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    return not poll.poll(0)


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


class PgTarget(BackendTarget):
    """Schemas of its own on the server, dropped in the end."""

    name = "postgres-mutant"
    # Two seconds to connect, the library's least, and an answer twice.
    answer_within = 5.0

    def __init__(self, backend: type[PgBackend] = PgBackend) -> None:
        # By its name, because a child cannot import the tests' modules before it has this state.
        self._backend = backend.__module__, backend.__name__
        self.url = make_conninfo(server_url(), connect_timeout=2, client_encoding="UTF8")
        self._name = f"mutant_{uuid4().hex[:12]}"

    @property
    def backend(self) -> type[PgBackend]:
        module, name = self._backend
        found: type[PgBackend] = getattr(import_module(module), name)
        return found

    def prepare(self) -> None:
        self.make(self._name)

    def dispose(self) -> None:
        self.drop(self._name)

    def open(self) -> StorageBackend:
        return self.backend(self.url, self._name)

    def open_fresh(self, token: str) -> StorageBackend:
        self.make(f"{self._name}_{token}")
        return self.backend(self.url, f"{self._name}_{token}")

    def dispose_fresh(self, token: str) -> None:
        self.drop(f"{self._name}_{token}")

    def open_misconfigured(self) -> StorageBackend:
        return self.backend(self.url, "nowhere")

    def address(self) -> tuple[str, int]:
        server = conninfo_to_dict(self.url)
        return str(server["host"]), int(str(server["port"]))

    def open_at(self, host: str, port: int) -> StorageBackend:
        return self.backend(make_conninfo(self.url, host=host, port=port), self._name)

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        query = "SELECT extract(epoch FROM expires_at)::float8 FROM {table} WHERE {key}"
        found: float | None = self.execute(query, owner=owner_id, task=task_id)[0][0]
        return found

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        key = {"owner": owner_id, "task": task_id}
        self.execute("DELETE FROM {table} WHERE {key}", **key)
        self.execute(
            """INSERT INTO {table} (owner_id, task_id, version, data)
            VALUES (%(owner)s, %(task)s, %(version)s, {data})""",
            **key,
            version=version,
            data=data,
        )

    def make(self, schema: str) -> None:
        """Make a schema with the table in it; nothing if it is there."""
        with suppress(psycopg.errors.DuplicateSchema, psycopg.errors.UniqueViolation):
            # Together, in one transaction: whoever finds the schema finds the table in it.
            self.execute(f"CREATE SCHEMA {schema}; {self.backend.layout}", schema)

    def drop(self, schema: str) -> None:
        self.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    def execute(self, statement: str, schema: str = "", **values: object) -> list[tuple[Any, ...]]:
        """Carry out a statement of the target's own, with the backend's parts in it."""
        text = self.backend(self.url, schema or self._name).sql(statement)
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []
