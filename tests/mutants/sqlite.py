"""A correct backend on SQLite, for mutants to break: a statement, a part of one, or a value.

One table, one statement an operation, and a connection for each.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from pmcp_conformance import BackendTarget
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.instants import epoch_microseconds

_PART = re.compile(r"\{(\w+)\}")

MOST = 2**63 - 1
"""The greatest integer that SQLite holds; a version beyond it is none that a row has."""


class SqliteRows(StorageBackend):
    """The correct backend. What is in braces in a statement is the attribute of that name."""

    layout = """CREATE TABLE IF NOT EXISTS tasks (owner_id TEXT, task_id TEXT,
        version INTEGER NOT NULL, expires_at INTEGER, data TEXT NOT NULL,
        PRIMARY KEY (owner_id, task_id)) WITHOUT ROWID"""
    owner = "owner_id = :owner"
    key = "{owner} AND task_id = :task"
    live = "(:at IS NULL OR expires_at IS NULL OR expires_at > :at)"

    select = "SELECT task_id, data, version FROM tasks WHERE {key}"
    insert = "INSERT INTO tasks VALUES (:owner, :task, 1, :expiry, :data) ON CONFLICT DO NOTHING"
    swap = """UPDATE tasks SET version = version + 1, expires_at = :expiry, data = :data
        WHERE {key} AND version = :expected"""
    remove = "DELETE FROM tasks WHERE {key}"
    page = """SELECT task_id, data, version FROM tasks
        WHERE {owner} AND (:after IS NULL OR task_id < :after) ORDER BY task_id DESC LIMIT :limit"""
    count = "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE {owner} AND {live} LIMIT :limit)"
    cleanup = "DELETE FROM tasks WHERE expires_at <= :at"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.run(self.layout)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        rows, _ = self.run(self.select, owner=owner_id, task=task_id)
        if not rows:
            raise NotFoundError(owner_id, task_id)
        return read_row(owner_id, task_id, *rows[0][1:])

    def _create(self, record: TaskRecord) -> int:
        if not self.run(self.insert, **self.values(record))[1]:
            raise AlreadyExistsError(record.owner_id, record.task_id)
        return 1

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        while not self.run(self.swap, **self.values(record), expected=self.sent(expected_version))[
            1
        ]:
            actual = self._get(record.owner_id, record.task_id).version
            if actual != expected_version:
                key = record.owner_id, record.task_id
                raise ConcurrentModificationError(*key, expected_version, actual)
        return expected_version + 1

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return bool(self.run(self.remove, owner=owner_id, task=task_id)[1])

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        rows, _ = self.run(self.page, owner=owner_id, limit=self.sent(limit), after=after)
        return [read_row(owner_id, *row) for row in rows]

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        limit = MOST if at_most is None else self.sent(at_most)
        at = None if live_at is None else self.instant(live_at)
        return int(self.run(self.count, owner=owner_id, at=at, limit=limit)[0][0][0])

    def _cleanup_expired(self) -> int:
        return self.run(self.cleanup, at=self.instant(datetime.now(UTC)))[1]

    def sent(self, number: int) -> Any:
        """A version or a limit as SQLite is given it."""
        return min(number, MOST)

    def instant(self, at: datetime) -> Any:
        """An instant as it is stored and compared."""
        return epoch_microseconds(at)

    def values(self, record: TaskRecord) -> dict[str, Any]:
        """The parameters of a statement that writes the record."""
        expires_at = record.expires_at
        return {
            "owner": record.owner_id,
            "task": record.task_id,
            "expiry": None if expires_at is None else self.instant(expires_at),
            "data": record.to_json(),
        }

    def run(self, statement: str, **values: Any) -> tuple[list[tuple[Any, ...]], int]:
        """The rows that a statement finds, and how many it changes."""
        while _PART.search(statement):
            statement = _PART.sub(lambda part: str(getattr(self, part[1])), statement)
        try:
            with self.connection() as db:
                cursor = db.execute(statement, values)
                return cursor.fetchall(), max(cursor.rowcount, 0)
        except sqlite3.Error as error:
            raise BackendError(f"SQLite fails: {error.sqlite_errorname}") from error

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=20.0)) as db:
            db.execute("PRAGMA synchronous = OFF")  # no test turns the power off
            with db:
                yield db


class SqliteRowsTarget(BackendTarget):
    """Files in a temporary folder of the run's own."""

    name = "sqlite-mutant"

    def __init__(self, backend: type[SqliteRows] = SqliteRows) -> None:
        # By its name, because a child cannot import the tests' modules before it has this state.
        self._backend = backend.__module__, backend.__name__
        self._folder = Path()

    @property
    def backend(self) -> type[SqliteRows]:
        module, name = self._backend
        found: type[SqliteRows] = getattr(import_module(module), name)
        return found

    def prepare(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pmcp-sqlite-mutant-"))

    def dispose(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)  # a thread that hung may still write

    def open(self) -> StorageBackend:
        return self.open_fresh("tasks")

    def open_fresh(self, token: str) -> StorageBackend:
        return self.backend(self._folder / f"{token}.db")

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        statement = "INSERT OR REPLACE INTO tasks VALUES (:owner, :task, :version, NULL, :data)"
        backend = self.backend(self._folder / "tasks.db")
        backend.run(statement, owner=owner_id, task=task_id, version=version, data=data)
