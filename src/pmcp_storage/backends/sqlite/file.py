"""Opening a SQLite file: laid out where it is new, refused where it holds other things."""

from __future__ import annotations

import sqlite3
import time

from pmcp_storage.backends.sqlite.failures import error_code
from pmcp_storage.backends.sqlite.statements import (
    APPLICATION_ID,
    IDENTITY,
    SCHEMA,
    SCHEMA_VERSION,
)
from pmcp_storage.errors import BackendError


def open_file(path: str, busy_timeout: float) -> sqlite3.Connection:
    """Open a connection to the file at `path`, which is created and laid out where absent.

    `busy_timeout` is how many seconds to wait for another process's lock. Raises BackendError
    for a file of something else, and sqlite3.Error as SQLite gives it.
    """
    db = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        # Bytes, because sqlite3 puts a text that it cannot decode into the message of its error.
        db.text_factory = bytes
        # An acknowledged write survives a power loss; macOS syncs the disk only with fullfsync.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")
        _lay_out_in_time(db, path, time.monotonic() + busy_timeout)
    except BaseException:
        db.close()
        raise
    return db


def _lay_out_in_time(db: sqlite3.Connection, path: str, deadline: float) -> None:
    # A change of the journal mode does not wait for locks by itself, and the process that holds
    # one may be making the same change.
    while True:
        try:
            return _lay_out(db, path)
        except sqlite3.OperationalError as error:
            if error_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def _lay_out(db: sqlite3.Connection, path: str) -> None:
    if _is_ours(db, path):
        return
    db.execute("PRAGMA journal_mode = WAL")
    with db:
        db.execute("BEGIN IMMEDIATE")
        if not _is_ours(db, path):
            for statement in SCHEMA:
                db.execute(statement)


def _is_ours(db: sqlite3.Connection, path: str) -> bool:
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
