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
from functools import partial

from pmcp_storage.backend import StorageBackend, VersionedRecord
from pmcp_storage.backends.instants import epoch_microseconds
from pmcp_storage.backends.sqlite import rows, statements
from pmcp_storage.backends.sqlite.failures import error_code, explain
from pmcp_storage.backends.sqlite.file import open_file
from pmcp_storage.backends.sqlite.pool import ConnectionPool
from pmcp_storage.errors import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
)
from pmcp_storage.records import TaskRecord

_AFTER_EVERY_TEXT = b""
"""SQLite orders every blob, also the empty one, after every text."""

_CLEANUP_BATCH = 1000
"""Rows that one transaction of a cleanup removes, so that writers get their turn in between."""


class SqliteBackend(StorageBackend):
    """Records in the SQLite file at `path`, which is created by the first operation if absent.

    Any number of handles, threads and processes of one machine may share the file; a process may
    fork. `busy_timeout` is how many seconds a write waits for another's before it raises
    BackendError. Raises ValueError for `:memory:` and for an empty path.
    """

    def __init__(self, path: str | os.PathLike[str], busy_timeout: float = 10.0) -> None:
        if os.fspath(path) in ("", ":memory:"):
            raise ValueError(
                f"path must name a file, not {os.fspath(path)!r}: "
                "for records in memory use InMemoryBackend"
            )
        self._path = os.path.abspath(os.fspath(path))
        self._busy_timeout = busy_timeout
        self._pool = ConnectionPool(partial(open_file, self._path, busy_timeout))

    def verify(self) -> None:
        """Check that the file is a task storage and sound; creates it where it is absent.

        Reads the whole file. Raises BackendError saying what is wrong.
        """
        self._check_open()
        with self._connection() as db:
            lines = [rows.text(line) for (line,) in db.execute("PRAGMA quick_check(3)")]
        if lines != ["ok"]:
            raise BackendError(f"{self._path} is damaged: {'; '.join(lines)}: restore a backup")

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with self._connection() as db:
            row = db.execute(statements.GET, (owner_id, task_id)).fetchone()
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return rows.decode(owner_id, task_id, *row)

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
        with self._connection() as db:
            found = db.execute(
                statements.PAGE, (owner_id, before, min(limit, sys.maxsize))
            ).fetchall()
        return [rows.decode(owner_id, rows.text(task_id), *row) for task_id, *row in found]

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        most = sys.maxsize if at_most is None else min(at_most, sys.maxsize)
        with self._connection() as db:
            if live_at is None:
                found = db.execute(statements.COUNT, (owner_id, most))
            else:
                found = db.execute(
                    statements.COUNT_LIVE, (owner_id, epoch_microseconds(live_at), most)
                )
            count: int = found.fetchone()[0]
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

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._pool.connection() as db:
                yield db
        except sqlite3.Error as error:
            raise explain(error, self._path, None) from error

    @contextmanager
    def _transaction(self, row: rows.EncodedRow | None = None) -> Iterator[sqlite3.Connection]:
        writing = self._pool.writing
        if not writing.acquire(timeout=self._busy_timeout):
            raise BackendError(f"{self._path}: other threads have been writing for too long")
        try:
            with self._pool.connection() as db:
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                except BaseException:
                    db.rollback()
                    raise
                self._commit(db)
        except sqlite3.Error as error:
            size = None if row is None else row.size()
            raise explain(error, self._path, size) from error
        finally:
            writing.release()

    def _commit(self, db: sqlite3.Connection) -> None:
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
