"""A record as an item of the table, and back; and the size of an item, as DynamoDB counts it."""

from __future__ import annotations

import uuid
from datetime import datetime

from pmcp_storage.backend import VersionedRecord, read_row
from pmcp_storage.backends.instants import epoch_microseconds
from pmcp_storage.errors import CorruptRecordError
from pmcp_storage.records import TaskRecord

Item = dict[str, dict[str, str]]

OWNER = "OWNER#"
TASK = "TASK#"
"""What the partition key and the sort key begin with, before owner_id and task_id."""

ITEM_LIMIT = 409_600
"""The largest item in bytes, names and values (Amazon DynamoDB Developer Guide, "Constraints")."""

SIZE_TOLERANCE = 42
"""The bytes by which our size of an item may be off: two numbers of at most 21 bytes (the same
guide, "DynamoDB item sizes and formats": the size of a number is approximate)."""


GREATEST_VERSION = 10**38 - 1
"""The greatest integer that DynamoDB holds with all its digits (the same guide, "Number")."""


def encode(record: TaskRecord, version: int) -> Item:
    """The item of a record at that version, with a fresh write_id."""
    item = {
        **key_of(record.owner_id, record.task_id),
        "owner_id": {"S": record.owner_id},
        "task_id": {"S": record.task_id},
        "status": {"S": record.status.value},
        "version": {"N": str(version)},
        "data": {"S": record.to_json()},
        "write_id": {"S": uuid.uuid4().hex},
    }
    if record.expires_at is not None:
        item["expires_at"] = {"N": str(seconds_up(record.expires_at))}
    return item


def decode(owner_id: str, task_id: str, item: Item) -> VersionedRecord:
    """The record of an item. Raises CorruptRecordError."""
    version = version_of(item)
    data = item.get("data", {}).get("S")
    if version is None or data is None:
        raise malformed(owner_id, task_id)
    return read_row(owner_id, task_id, data, version)


def key_of(owner_id: str, task_id: str) -> Item:
    """The primary key of a record's item."""
    return {"PK": {"S": OWNER + owner_id}, "SK": {"S": TASK + task_id}}


def task_id_of(item: Item) -> str:
    """The task_id in an item's sort key."""
    return item["SK"]["S"].removeprefix(TASK)


def version_of(item: Item) -> int | None:
    """The version of an item; None if it has none."""
    text = item.get("version", {}).get("N", "")
    return int(text) if text.isascii() and text.isdigit() and text != "0" else None


def malformed(owner_id: str, task_id: str) -> CorruptRecordError:
    """The error of an item that this package has not written."""
    problem = "its item needs a version (N, an integer of at least 1) and data (S)"
    return CorruptRecordError(owner_id, task_id, problem)


def size_of(item: Item) -> int:
    """The bytes of names and values, as DynamoDB counts them."""
    return sum(
        len(name.encode()) + (_number_size(text) if kind == "N" else len(text.encode()))
        for name, value in item.items()
        for kind, text in value.items()
    )


def seconds_down(instant: datetime) -> int:
    """Seconds since 1970, rounded down."""
    return epoch_microseconds(instant) // 1_000_000


def seconds_up(instant: datetime) -> int:
    """Seconds since 1970, rounded up: nothing expires early."""
    return -(-epoch_microseconds(instant) // 1_000_000)


def _number_size(text: str) -> int:
    digits = text.lstrip("-").strip("0")
    return 1 + (len(digits) + 1) // 2 + text.startswith("-")
