"""A record as a row of the table, and back."""

from __future__ import annotations

import sqlite3
from typing import Any

from pmcp_storage.backend import VersionedRecord, read_row
from pmcp_storage.backends.instants import epoch_microseconds
from pmcp_storage.backends.sqlite import statements
from pmcp_storage.errors import BackendError, CorruptRecordError
from pmcp_storage.records import TaskRecord

_HIGHEST_VERSION = 2**63 - 1


class EncodedRow:
    """A record on its way into the table, encoded before any lock is taken."""

    def __init__(self, record: TaskRecord) -> None:
        expires_at = record.expires_at
        self.key = (record.owner_id, record.task_id)
        self._status = record.status.value
        self._expires_at = None if expires_at is None else epoch_microseconds(expires_at)
        self._data = record.to_json()

    def stored_version(self, db: sqlite3.Connection) -> int | None:
        """The version in the table; None if the key is absent."""
        found = db.execute(statements.VERSION, self.key).fetchone()
        return None if found is None else _checked_version(*self.key, found[0])

    def write(self, db: sqlite3.Connection, version: int) -> int:
        """Insert or overwrite the row, at that version, and return it.

        Raises BackendError for a version that SQLite cannot hold.
        """
        if version > _HIGHEST_VERSION:
            raise BackendError(
                f"task {self.key[1]!r} is at the highest version that SQLite can hold: delete it "
                "and create it anew"
            )
        values = (*self.key, self._status, version, self._expires_at, self._data)
        db.execute(statements.WRITE, values)
        return version

    def size(self) -> int:
        """The bytes of the record's JSON."""
        return len(self._data.encode())


def decode(owner_id: str, task_id: str, version: Any, data: Any) -> VersionedRecord:
    """The record of a row. Raises CorruptRecordError."""
    return read_row(owner_id, task_id, text(data), _checked_version(owner_id, task_id, version))


def text(value: Any) -> str:
    """The text of a column, which `open_file` has SQLite give as bytes."""
    # What is not UTF-8 becomes what no record can hold, and what is no text stays what it is:
    # reading the row refuses both.
    return str(value, "utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _checked_version(owner_id: str, task_id: str, version: Any) -> int:
    if isinstance(version, int) and version >= 1:
        return version
    raise CorruptRecordError(owner_id, task_id, "its version is not an integer of at least 1")
