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
from typing import Any

from pmcp_storage.backend import StorageBackend, VersionedRecord, read_row
from pmcp_storage.backends.instants import epoch_microseconds
from pmcp_storage.backends.sqlite.file import ConnectionPool, error_code, open_file
from pmcp_storage.errors import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
)
from pmcp_storage.records import TaskRecord

GET = "SELECT version, data FROM tasks WHERE owner_id = ? AND task_id = ?"
VERSION = "SELECT version FROM tasks WHERE owner_id = ? AND task_id = ?"
WRITE = """INSERT INTO tasks (owner_id, task_id, status, version, expires_at, data)
           VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (owner_id, task_id) DO UPDATE SET status = excluded.status,
           version = excluded.version, expires_at = excluded.expires_at, data = excluded.data"""
DELETE = "DELETE FROM tasks WHERE owner_id = ? AND task_id = ?"
PAGE = """SELECT task_id, version, data FROM tasks WHERE owner_id = ? AND task_id < ?
          ORDER BY task_id DESC LIMIT ?"""
COUNT = """SELECT count(*) FROM (SELECT 1 FROM tasks WHERE owner_id = ? LIMIT ?)"""
COUNT_LIVE = """SELECT count(*) FROM (SELECT 1 FROM tasks WHERE owner_id = ?
                AND (expires_at IS NULL OR expires_at > ?) LIMIT ?)"""
CLEANUP = """DELETE FROM tasks WHERE rowid IN
             (SELECT rowid FROM tasks WHERE expires_at <= ? LIMIT ?)"""

_AFTER_EVERY_TEXT = b""
"""SQLite orders every blob, also the empty one, after every text."""

_CLEANUP_BATCH = 1000
"""Rows that one transaction of a cleanup removes, so that writers get their turn in between."""

_REASONS = {
    sqlite3.SQLITE_BUSY: "another process holds the lock for too long: end it, or wait longer",
    sqlite3.SQLITE_LOCKED: "another connection holds the lock for too long",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database: name another file",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore a backup, or try sqlite3's .recover",
    sqlite3.SQLITE_READONLY: "file or folder may not be written: give this process the permission",
    sqlite3.SQLITE_IOERR: "the disk failed: look into the system's log",
    sqlite3.SQLITE_PERM: "the file may not be accessed: give this process the permission",
}


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
            found = [_text(fault) for (fault,) in db.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise BackendError(f"{self._path} is damaged: {'; '.join(found)}: restore a backup")

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with self._connection() as db:
            row = db.execute(GET, (owner_id, task_id)).fetchone()
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return _read(owner_id, task_id, *row)

    def _create(self, record: TaskRecord) -> int:
        row = _Row(record)
        with self._transaction(row) as db:
            if row.stored_version(db) is not None:
                raise AlreadyExistsError(*row.key)
            return row.write(db, 1)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = _Row(record)
        with self._transaction(row) as db:
            version = row.stored_version(db)
            if version is None:
                raise NotFoundError(*row.key)
            if version != expected_version:
                raise ConcurrentModificationError(*row.key, expected_version, version)
            return row.write(db, version + 1)

    def _put(self, record: TaskRecord) -> int:
        row = _Row(record)
        with self._transaction(row) as db:
            return row.write(db, (row.stored_version(db) or 0) + 1)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with self._transaction() as db:
            return db.execute(DELETE, (owner_id, task_id)).rowcount == 1

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        before = _AFTER_EVERY_TEXT if after is None else after
        with self._connection() as db:
            rows = db.execute(PAGE, (owner_id, before, min(limit, sys.maxsize))).fetchall()
        return [_read(owner_id, _text(task_id), *row) for task_id, *row in rows]

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        most = sys.maxsize if at_most is None else min(at_most, sys.maxsize)
        with self._connection() as db:
            if live_at is None:
                found = db.execute(COUNT, (owner_id, most))
            else:
                found = db.execute(COUNT_LIVE, (owner_id, epoch_microseconds(live_at), most))
            count: int = found.fetchone()[0]
        return count

    def _cleanup_expired(self) -> int:
        now = epoch_microseconds(datetime.now(UTC))
        removed = 0
        while True:
            with self._transaction() as db:
                batch = db.execute(CLEANUP, (now, _CLEANUP_BATCH)).rowcount
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
            raise self._explained(error) from error

    @contextmanager
    def _transaction(self, row: _Row | None = None) -> Iterator[sqlite3.Connection]:
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
            raise self._explained(error, row) from error
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

    def _explained(self, error: sqlite3.Error, row: _Row | None = None) -> StorageError:
        code = error_code(error)
        if code == sqlite3.SQLITE_TOOBIG and row is not None:
            return RecordTooLargeError(row.size(), None)
        if code == sqlite3.SQLITE_FULL:
            return StorageFullError(f"{self._path}: the disk is full ({error}): make room")
        if code == sqlite3.SQLITE_CANTOPEN:
            return BackendError(f"{self._path}: {_why_it_cannot_be_opened(self._path)}")
        reason = _REASONS.get(code or 0)
        return BackendError(f"{self._path}: {error}" + (f" - {reason}" if reason else ""))


class _Row:
    """A record on its way into the table, encoded before any lock is taken."""

    def __init__(self, record: TaskRecord) -> None:
        expires_at = record.expires_at
        self.key = (record.owner_id, record.task_id)
        self._status = record.status.value
        self._expires_at = None if expires_at is None else epoch_microseconds(expires_at)
        self._data = record.to_json()

    def stored_version(self, db: sqlite3.Connection) -> int | None:
        found = db.execute(VERSION, self.key).fetchone()
        return None if found is None else _version(*self.key, found[0])

    def write(self, db: sqlite3.Connection, version: int) -> int:
        values = (*self.key, self._status, version, self._expires_at, self._data)
        db.execute(WRITE, values)
        return version

    def size(self) -> int:
        return len(self._data.encode())


def _read(owner_id: str, task_id: str, version: Any, data: Any) -> VersionedRecord:
    return read_row(owner_id, task_id, _text(data), _version(owner_id, task_id, version))


def _text(value: Any) -> str:
    # What is not UTF-8 becomes what no record can hold, and what is no text stays what it is:
    # reading the row refuses both.
    return str(value, "utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _version(owner_id: str, task_id: str, version: Any) -> int:
    if isinstance(version, int) and version >= 1:
        return version
    raise CorruptRecordError(owner_id, task_id, "its version is not a number from 1")


def _why_it_cannot_be_opened(path: str) -> str:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return f"there is no folder {folder}: create it"
    if os.path.isdir(path):
        return "this is a folder: name a file in it"
    return "file or folder may not be opened: give this process the permission"
