"""A record as a Redis hash, and back."""

from __future__ import annotations

import re
from datetime import datetime

from pmcp_storage.backend import VersionedRecord, read_row
from pmcp_storage.backends.instants import epoch_microseconds
from pmcp_storage.errors import CorruptRecordError
from pmcp_storage.records import TaskRecord

_GREATEST = 10**600 - 1
"""No record has a greater version. Python may refuse to read an integer of more than 640 digits."""

_VERSION = re.compile(rb"[1-9][0-9]{0,599}")
"""A version in the one way to write it, so that equal ones are equal as texts."""


def encode(record: TaskRecord, version: int, write_id: str) -> dict[str, str]:
    """The hash of a record. Only version, data and write_id are read again."""
    expires_at = record.expires_at
    return {
        "owner_id": record.owner_id,
        "task_id": record.task_id,
        "status": record.status.value,
        "version": version_text(version).decode(),
        "expires_at": "" if expires_at is None else expires_at.isoformat(),
        "write_id": write_id,
        "data": record.to_json(),
    }


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970, rounded up: nothing expires early."""
    return -(-epoch_microseconds(instant) // 1000)


def decode(
    owner_id: str, task_id: str, version: bytes | None, data: bytes | None
) -> VersionedRecord:
    """The record of the fields version and data. Raises CorruptRecordError."""
    if data is None:
        raise CorruptRecordError(owner_id, task_id, "its field data is missing")
    # What is not UTF-8 becomes what no record can hold, and is refused as such.
    text = data.decode("utf-8", "surrogateescape")
    return read_row(owner_id, task_id, text, checked_version(owner_id, task_id, version))


def version_text(version: int) -> bytes:
    """A version as the storage holds it; a text that it never holds for one beyond the greatest."""
    return b"%d" % version if version <= _GREATEST else b"beyond"


def checked_version(owner_id: str, task_id: str, text: bytes | None) -> int:
    """The version of a field's text. Raises CorruptRecordError."""
    if text is not None and _VERSION.fullmatch(text):
        return int(text)
    raise CorruptRecordError(owner_id, task_id, "its version is not an integer of at least 1")
