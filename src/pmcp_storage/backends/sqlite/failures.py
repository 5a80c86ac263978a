"""What an error of SQLite means, and what to do about it."""

from __future__ import annotations

import os
import shlex
import sqlite3

from pmcp_storage.errors import BackendError, RecordTooLargeError, StorageError, StorageFullError

_REASONS = {
    sqlite3.SQLITE_BUSY: "another process holds the lock for too long: end it, or wait longer",
    sqlite3.SQLITE_LOCKED: "another connection holds the lock for too long",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database: name another file",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore a backup, or try sqlite3's .recover",
    sqlite3.SQLITE_READONLY: "file or folder may not be written: give this process the permission",
    sqlite3.SQLITE_IOERR: "the disk failed: see the system's log",
    sqlite3.SQLITE_PERM: "the file may not be accessed: give this process the permission",
}


def error_code(error: sqlite3.Error) -> int | None:
    """The primary result code, such as sqlite3.SQLITE_BUSY; None if SQLite gave none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def explain(error: sqlite3.Error, path: str, record_bytes: int | None) -> StorageError:
    """The StorageError to raise for an error of SQLite at the file `path`.

    `record_bytes` is the size of the record that was to be written; None if none was.
    """
    code = error_code(error)
    if code == sqlite3.SQLITE_TOOBIG and record_bytes is not None:
        return RecordTooLargeError(record_bytes, None)
    if code == sqlite3.SQLITE_FULL:
        full = f"{path}: the disk is full ({error}): make room"
        return BackendError(full) if record_bytes is None else StorageFullError(full)
    if code == sqlite3.SQLITE_CANTOPEN:
        return BackendError(f"{path}: {_why_it_cannot_be_opened(path)}")
    reason = _REASONS.get(code or 0)
    if code == sqlite3.SQLITE_ERROR:
        reason = f"'pmcp-storage verify sqlite {shlex.quote(path)}' says what the file lacks"
    return BackendError(f"{path}: {error}" + (f" - {reason}" if reason else ""))


def _why_it_cannot_be_opened(path: str) -> str:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return f"there is no folder {folder}: create it"
    if os.path.isdir(path):
        return "this is a folder: name a file in it"
    return "file or folder may not be opened: give this process the permission"
