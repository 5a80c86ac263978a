"""What another client does to the key of a write while a fault is injected into that write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.faulty_connection import stored_record
from pmcp_conformance.network.tested_operations import Write
from pmcp_storage import TaskRecord, VersionedRecord


@dataclass(frozen=True)
class Interference:
    """What the other client did, and whether the write had been applied before that."""

    applied_before: bool
    written: VersionedRecord | None = None
    """What it wrote, unless it deleted."""


Interfere = Callable[[Trial, Write, RecordedBackend], Interference | None]
"""Does something by another client's handle; None if there was nothing to do.

Raises what that client raises, as where the write under the fault keeps a lock: nothing has come in
between then.
"""


def write_other_record(trial: Trial, write: Write, other_client: RecordedBackend) -> Interference:
    """Write a record of its own after what is stored."""
    assert write.record is not None
    record = write.record.model_copy(update={"variables": {"mark": "another's"}})
    return _write_after(stored_record(trial, write.key), record, write, other_client)


def write_equal_record(
    trial: Trial, write: Write, other_client: RecordedBackend
) -> Interference | None:
    """Write a record equal to the write's, unless the write has been applied by then."""
    assert write.record is not None
    found = stored_record(trial, write.key)
    if found != write.former:
        return None
    return _write_after(found, write.record, write, other_client)


def _write_after(
    found: VersionedRecord | None, record: TaskRecord, write: Write, other_client: RecordedBackend
) -> Interference:
    if found is None:
        other_client.create(record)
        written = VersionedRecord(record, 1)
    else:
        other_client.put_if_version(record, found.version)
        written = VersionedRecord(record, found.version + 1)
    return Interference(found == write.applied, written)


def delete_what_it_wrote(trial: Trial, write: Write, other_client: RecordedBackend) -> Interference:
    """Read what the write has just written, if it has, and delete it."""
    applied = stored_record(trial, write.key) == write.applied
    if applied:
        other_client.get(*write.key)
        other_client.delete(*write.key)
    return Interference(applied)
