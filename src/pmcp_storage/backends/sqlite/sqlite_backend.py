"""Records in one SQLite file: embedded, durable, for the processes of one machine.

One row per task in the table `tasks`, readable with the sqlite3 shell; `data` is the record's
JSON and `expires_at` counts microseconds since 1970. Every operation is one transaction, in WAL
mode with `synchronous = FULL`: an acknowledged write survives a kill and a loss of power. Expired
records stay until `cleanup_expired`. The file belongs on a local disk: WAL does not work over
network file systems.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pmcp_storage.backend import StorageBackend, VersionedRecord
from pmcp_storage.backends.instants import epoch_microseconds
from pmcp_storage.backends.sqlite import rows, statements
from pmcp_storage.backends.sqlite.check import check_file
from pmcp_storage.backends.sqlite.failures import error_code, explain
from pmcp_storage.backends.sqlite.file import Connection, open_file
from pmcp_storage.backends.sqlite.pool import ConnectionPool
from pmcp_storage.errors import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
)
from pmcp_storage.records import TaskRecord

_AFTER_EVERY_TEXT = b""
"""SQLite orders every blob, also the empty one, after every text."""

_LONGEST_TIMEOUT = 2_147_483
"""Seconds. SQLite counts milliseconds, in 32 bits."""

_CLEANUP_BATCH = 1000
"""Rows that one transaction of a cleanup removes, so that writers get their turn in between."""


class SqliteBackend(StorageBackend):
    """Records in the SQLite file at `path`, which is created by the first operation if absent.

    Any number of handles, threads and processes of one machine may share the file; a process may
    fork, and a handle works on both sides. A fork waits up to 5 seconds for operations of other
    threads; then it goes ahead, and the file raises BackendError in the child. Where the file is
    replaced, operations go on with the new one; where it is removed, they raise BackendError.
    An operation may notice that a tenth of a second late, but no write is acknowledged then.

    `busy_timeout` is how many seconds, from 0 to 2,147,483, a write waits for another's before it
    raises BackendError. Raises ValueError for another number, for `:memory:` and for a path that
    names no file; TypeError for a value of the wrong type.
    """

    def __init__(self, path: str | os.PathLike[str], busy_timeout: float = 10.0) -> None:
        _check_busy_timeout(busy_timeout)
        self._path = os.path.abspath(_checked_path(path))
        self._busy_timeout = busy_timeout
        self._opened = False
        self._pool = ConnectionPool(self._path, self._open)

    def verify(self) -> None:
        """Check that the file is there, is a task storage and is sound; change nothing.

        Reads the whole file. Raises BackendError saying what is wrong.
        """
        self._check_open()
        check_file(self._path)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self._rows(statements.GET, owner_id, task_id)
        if not found:
            raise NotFoundError(owner_id, task_id)
        return rows.decode(owner_id, task_id, *found[0])

    def _create(self, record: TaskRecord) -> int:
        row = rows.EncodedRow(record)
        with self._transaction(row) as db:
            if row.stored_version(db) is not None:
                raise AlreadyExistsError(*row.key)
            return row.write(db, 1)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = rows.EncodedRow(record)
        with self._transaction(row) as db:
            version = row.stored_version(db)
            if version is None:
                raise NotFoundError(*row.key)
            if version != expected_version:
                raise ConcurrentModificationError(*row.key, expected_version, version)
            return row.write(db, version + 1)

    def _put(self, record: TaskRecord) -> int:
        row = rows.EncodedRow(record)
        with self._transaction(row) as db:
            return row.write(db, (row.stored_version(db) or 0) + 1)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with self._transaction() as db:
            return db.execute(statements.DELETE, (owner_id, task_id)).rowcount == 1

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        before = _AFTER_EVERY_TEXT if after is None else after
        found = self._rows(statements.PAGE, owner_id, before, min(limit, sys.maxsize))
        return [rows.decode(owner_id, rows.text(task_id), *row) for task_id, *row in found]

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        most = sys.maxsize if at_most is None else min(at_most, sys.maxsize)
        if live_at is None:
            found = self._rows(statements.COUNT, owner_id, most)
        else:
            found = self._rows(statements.COUNT_LIVE, owner_id, epoch_microseconds(live_at), most)
        count: int = found[0][0]
        return count

    def _cleanup_expired(self) -> int:
        now = epoch_microseconds(datetime.now(UTC))
        removed = 0
        while True:
            with self._transaction() as db:
                batch = db.execute(statements.CLEANUP, (now, _CLEANUP_BATCH)).rowcount
            removed += batch
            if batch < _CLEANUP_BATCH:
                return removed

    def _close(self) -> None:
        self._pool.close()

    def _open(self) -> Connection:
        db = open_file(self._path, self._busy_timeout, create=not self._opened)
        self._opened = True
        return db

    def _rows(self, statement: str, *values: object) -> list[Any]:
        try:
            with self._pool.connection() as db:
                return db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise explain(error, self._path, None) from error

    @contextmanager
    def _transaction(self, row: rows.EncodedRow | None = None) -> Iterator[Connection]:
        turn = self._pool.turn(self._busy_timeout)
        try:
            # The connection's own `with` rolls back what is not committed.
            with self._pool.connection() as db, db:
                db.execute("BEGIN IMMEDIATE")
                yield db
                self._commit(db)
        except sqlite3.Error as error:
            size = None if row is None else row.size()
            raise explain(error, self._path, size) from error
        finally:
            del turn

    def _commit(self, db: Connection) -> None:
        try:
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if error_code(error) != sqlite3.SQLITE_IOERR:
                raise
            # The commit may have reached the file before the failure; a recovery would find it.
            raise OutcomeUnknownError(
                f"{self._path}: the disk failed during the commit ({error}): "
                "read the record to see whether it was written"
            ) from error
        if not db.is_there():
            raise OutcomeUnknownError(
                f"{self._path} was removed or replaced while it was in use: "
                "read the record to see whether it was written"
            )


def _checked_path(path: str | os.PathLike[str]) -> str:
    name = os.fsdecode(path)
    if name in ("", ":memory:"):
        raise ValueError(
            f"path must name a file, not {name!r}: for records in memory use InMemoryBackend"
        )
    if "\0" in name:
        raise ValueError("path must not contain U+0000: name a file")
    return name


def _check_busy_timeout(seconds: float) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"busy_timeout must be a number, not {type(seconds).__name__}")
    if not 0 <= seconds <= _LONGEST_TIMEOUT:
        raise ValueError(f"busy_timeout must be from 0 to {_LONGEST_TIMEOUT:,} seconds")
