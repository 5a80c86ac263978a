"""Writes to inject faults into, each on a key of its own, so that many can run concurrently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect_returns
from pmcp_conformance.network.tested_operations import (
    HandleCall,
    Probe,
    Write,
    WriteKind,
    refusal_of,
)
from pmcp_storage import ConcurrentModificationError, NotFoundError, TaskRecord, VersionedRecord

_NEVER_STORED = 99
"""A version at which no key of these rules ever stands."""

WriteMaker = Callable[[Trial], Write]


def put_never_stored_version(record: TaskRecord, handle: RecordedBackend) -> int:
    """A put_if_version that is always refused."""
    return handle.put_if_version(record, _NEVER_STORED)


def _write(name: str, kind: WriteKind, present: bool, trial: Trial) -> Write:
    owner = trial.owner()
    former = VersionedRecord(trial.store_record(owner), 1) if present else None
    record = trial.record(owner)
    written = None if kind is WriteKind.DELETE else record
    probe = _always_refused(trial.record(owner))
    return Write(name, kind, _call(kind, record), (owner, "task"), former, written, probe)


def _call(kind: WriteKind, record: TaskRecord) -> HandleCall:
    match kind:
        case WriteKind.CREATE:
            return lambda handle: handle.create(record)
        case WriteKind.PUT:
            return lambda handle: handle.put(record)
        case WriteKind.PUT_IF_VERSION:
            return lambda handle: handle.put_if_version(record, 1)
        case WriteKind.DELETE:
            return lambda handle: handle.delete(record.owner_id, record.task_id)


def _always_refused(record: TaskRecord) -> Probe:
    def is_right(attempt: Attempt) -> bool:
        return isinstance(attempt.error, ConcurrentModificationError | NotFoundError)

    expected = "a put_if_version of a version that was never stored, which is refused"
    return Probe(partial(put_never_stored_version, record), expected, is_right)


CREATE = partial(_write, "create", WriteKind.CREATE, False)
PUT_ABSENT = partial(_write, "put of an absent key", WriteKind.PUT, False)
PUT_PRESENT = partial(_write, "put of a present key", WriteKind.PUT, True)
PUT_IF_VERSION = partial(_write, "put_if_version", WriteKind.PUT_IF_VERSION, True)
DELETE_PRESENT = partial(_write, "delete", WriteKind.DELETE, True)
DELETE_ABSENT = partial(_write, "delete of an absent key", WriteKind.DELETE, False)

WRITES: tuple[WriteMaker, ...] = (CREATE, PUT_ABSENT, PUT_PRESENT, PUT_IF_VERSION, DELETE_PRESENT)
"""Writes that succeed."""


def _overtaken(trial: Trial) -> Write:
    write = PUT_IF_VERSION(trial)
    record = trial.record(*write.key)
    with premise("CAS-1"):
        expect_returns(2, trial.backend.put_if_version, record, 1)
    return _stale(write, "put_if_version of a former version", VersionedRecord(record, 2))


def _deleted(trial: Trial) -> Write:
    write = PUT_IF_VERSION(trial)
    with premise("DEL-1"):
        expect_returns(True, trial.backend.delete, *write.key)
    return _stale(write, "put_if_version of a deleted key", None)


def _present(trial: Trial) -> Write:
    write = CREATE(trial)
    record = trial.record(*write.key)
    with premise("CRE-1"):
        expect_returns(1, trial.backend.create, record)
    return _stale(write, "create of a present key", VersionedRecord(record, 1))


STALE_WRITES: tuple[WriteMaker, ...] = (_overtaken, _deleted, _present)
"""Conditional writes whose conditions do not hold."""


def _overtaken_by_itself(trial: Trial) -> Write:
    write = PUT_IF_VERSION(trial)
    record = trial.record(*write.key)
    stale = _stale(write, "put_if_version of a former version", VersionedRecord(record, 2))
    return replace(stale, before=lambda handle: handle.put_if_version(record, 1))


def _created_by_itself(trial: Trial) -> Write:
    write = CREATE(trial)
    record = trial.record(*write.key)
    stale = _stale(write, "create of a key just created", VersionedRecord(record, 1))
    return replace(stale, before=lambda handle: handle.create(record))


STALE_AFTER_OWN_WRITE: tuple[WriteMaker, ...] = (_overtaken_by_itself, _created_by_itself)
"""The same, because of what the same handle has written before."""


def _stale(write: Write, name: str, found: VersionedRecord | None) -> Write:
    refusal = refusal_of(write, 0 if found is None else found.version)
    return replace(write, name=name, former=found, refusal=refusal)
