"""Opening a SQLite file: laid out where it is new, refused where it holds other things."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from urllib.parse import quote

from pmcp_storage.backends.sqlite.failures import error_code
from pmcp_storage.backends.sqlite.statements import (
    APPLICATION_ID,
    IDENTITY,
    SCHEMA,
    SCHEMA_VERSION,
)
from pmcp_storage.errors import BackendError

_A_MOMENT = 0.1
"""Seconds for which nobody looks again, except for the database before a write is acknowledged."""

Files = tuple[tuple[int, int] | None, tuple[int, int] | None]
"""The device and the inode of a database and of its log; None for one that is absent."""


class Connection(sqlite3.Connection):
    """A connection that knows which files it has open."""

    is_open = True
    path: str
    files: Files
    looked_at = 0.0

    def is_there(self) -> bool:
        """Whether the database that it has open is still the one at its path."""
        return _identity(self.path) == self.files[0]

    def was_current(self) -> bool:
        """Whether its files were those at its path a moment ago: each look is a system call."""
        now = time.monotonic()
        if now - self.looked_at < _A_MOMENT:
            return True
        self.looked_at = now
        return files_at(self.path) == self.files

    def close(self) -> None:
        self.is_open = False
        super().close()


def open_file(path: str, busy_timeout: float, *, create: bool = True) -> Connection:
    """Open a connection to the file at `path`, which is laid out where it is new.

    `busy_timeout` is how many seconds to wait for another process's lock; with `create` an absent
    file is created. Raises BackendError for a file of something else and for one that is gone, and
    sqlite3.Error as SQLite gives it.
    """
    check_kind(path)
    if not create and not os.path.exists(path):
        raise BackendError(
            f"{path} was removed while it was in use: restore it, or open another handle to begin "
            "with an empty file"
        )
    db = connect(path, busy_timeout, "rwc" if create else "rw")
    try:
        # An acknowledged write survives a power loss; macOS syncs the disk only with fullfsync.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")
        _lay_out_in_time(db, path, time.monotonic() + busy_timeout)
        db.files = files_at(path)
    except BaseException:
        db.close()
        raise
    return db


def connect(path: str, busy_timeout: float, mode: str) -> Connection:
    """A connection to the file at `path`; `mode` is that of SQLite's URIs, with further options."""
    db = sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?mode={mode}",
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        factory=Connection,
    )
    db.path = path
    # Bytes, because sqlite3 puts a text that it cannot decode into the message of its error.
    db.text_factory = bytes
    return db


def check_kind(path: str) -> None:
    """Raise BackendError where there is something at `path` that cannot be a database."""
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError:
        return  # opening it says why
    if kind == stat.S_IFDIR:
        raise BackendError(f"{path}: this is a folder: name a file in it")
    if kind != stat.S_IFREG:
        raise BackendError(f"{path}: this is a device, a pipe or a socket: name a file")


def files_at(path: str) -> Files:
    """The files at `path` now."""
    return _identity(path), _identity(f"{path}-wal")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def lay_out(db: sqlite3.Connection, path: str) -> None:
    """Create what is missing of the layout. Raises BackendError if the file holds other things."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        is_ours(db, path)  # once more, for another process may have filled it meanwhile
        for statement in SCHEMA:
            db.execute(statement)


def is_ours(db: sqlite3.Connection, path: str) -> bool:
    """Whether the file is laid out; False if it is empty, BackendError if it holds other things."""
    tables, application_id, version = db.execute(IDENTITY).fetchone()
    if (tables, application_id, version) == (0, 0, 0):
        return False
    if application_id != APPLICATION_ID:
        raise BackendError(
            f"{path} is a SQLite database of something else (application_id {application_id}, "
            f"not {APPLICATION_ID}): name another file"
        )
    if version != SCHEMA_VERSION:
        raise BackendError(
            f"{path} has schema version {version}, and this version of pmcp-storage supports "
            f"only {SCHEMA_VERSION}: use the version of pmcp-storage that wrote it"
        )
    return True


def _lay_out_in_time(db: sqlite3.Connection, path: str, deadline: float) -> None:
    # A change of the journal mode does not wait for locks by itself, and the process that holds
    # one may be making the same change.
    while True:
        try:
            if not is_ours(db, path):
                db.execute("PRAGMA journal_mode = WAL")
                lay_out(db, path)
            return
        except sqlite3.OperationalError as error:
            if error_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)
