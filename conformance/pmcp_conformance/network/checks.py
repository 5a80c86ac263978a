"""What an operation may answer under a fault: what is true of the storage, or an error."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.engine.recording import outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_settled_expiry
from pmcp_conformance.network.faulty_connection import read_without_fault, stored_record
from pmcp_conformance.network.injections import Observation
from pmcp_conformance.network.tested_operations import (
    Probe,
    Read,
    Write,
    WriteKind,
    same_error,
)
from pmcp_storage import BackendError, StorageError, TaskRecord, VersionedRecord

_LOOKS = 3
"""At most at what the storage holds."""


def require(observation: Observation, holds: object, expected: str, details: str = "") -> None:
    """Raise a Violation with the operations of the injection, unless `holds`.

    `expected` says what the operation must do; `details` follow what it did.
    """
    if not holds:
        expected = f"{observation.injection} {expected}"
        observed = f"it {observation.attempt}{details}"
        raise Violation(expected, observed, observation.recording.shown())


def check_answer(trial: Trial, observation: Observation) -> None:
    """What the operation answered is true, or an error, and so is what its probe answered."""
    operation = observation.injection.operation
    if operation.probe is not None:
        _check_probe(observation, operation.probe)
    if isinstance(operation, Read):
        _check_read(observation, operation)
    elif operation.refusal is None:
        _check_write(trial, observation, operation)
    else:
        _check_refused(trial, observation, operation)


def _check_probe(observation: Observation, probe: Probe) -> None:
    """The call after the operation, through the same handle, got an answer of its own."""
    attempt = observation.probe_attempt
    if attempt is not None:
        holds = probe.is_right(attempt) or isinstance(attempt.error, BackendError)
        require(observation, holds, f"is followed by {probe.expected}", f"; the latter {attempt}")


def _check_read(observation: Observation, read: Read) -> None:
    """The read gave its right answer, or a BackendError."""
    attempt = observation.attempt
    right = attempt.error is None and attempt.result == read.expected
    expected = f"returns {outcome_text(read.expected)} as without a fault, or raises a BackendError"
    require(observation, right or isinstance(attempt.error, BackendError), expected)


def _check_write(trial: Trial, observation: Observation, write: Write) -> None:
    """What the write answered is what the storage holds, where nobody else has written."""
    attempt = observation.attempt
    found, listed = _stored_and_listed(trial, write)
    if attempt.error is None:
        holds = _reports_success(write, attempt.result) and found == write.applied
    elif attempt.unknown:
        holds = found in (write.former, write.applied)
    else:
        holds = attempt.failed and found == write.former
    expected = f"{_success_text(write)}, raises OutcomeUnknownError having written at most once, "
    expected += "or raises another BackendError having written nothing"
    require(observation, holds, expected, _storage_holds(write, found))
    if found is not None:
        _check_expiry(trial, observation, found.record)
    details = f"; get finds {stored_text(write, found)}, the listing has {len(listed)} entries"
    agree = listed == _listing_of(found)
    require(observation, agree, "leaves get and the listing in agreement", details)


def check_failure(trial: Trial, observation: Observation) -> None:
    """A write that claims to have written nothing has done so, and will not."""
    if observation.attempt.failed:
        write = observation.injection.write
        found = stored(trial, write.key)
        expected = "has written nothing in the end if it raises another error than "
        expected += "OutcomeUnknownError"
        require(observation, found == write.former, expected, _storage_holds(write, found))


def _check_expiry(trial: Trial, observation: Observation, record: TaskRecord) -> None:
    """What is stored is stored with its expiry, also where its second request never came."""
    try:
        expect_settled_expiry(trial, record)
    except Violation as violation:
        details = f"; {violation.observed}"
        require(observation, False, f"leaves {violation.expected}", details)


def _stored_and_listed(
    trial: Trial, write: Write
) -> tuple[VersionedRecord | None, list[VersionedRecord]]:
    """What get and the listing find, looked at again where they differ: a request that its client
    has given up may be carried out between the two."""
    for _ in range(_LOOKS):
        found = stored(trial, write.key)
        listing = partial(trial.backend.unrecorded.list_by_owner, write.key[0])
        listed = read_without_fault(trial, listing)
        if listed == _listing_of(found):
            break
    return found, listed


def _listing_of(found: VersionedRecord | None) -> list[VersionedRecord]:
    return [] if found is None else [found]


def stored(trial: Trial, key: tuple[str, str]) -> VersionedRecord | None:
    """What the storage holds. Raises Inconclusive if it cannot be read."""
    return read_without_fault(trial, partial(stored_record, trial, key))


def _check_refused(trial: Trial, observation: Observation, write: Write) -> None:
    """The write whose condition does not hold was refused or failed, and nothing was written."""
    assert write.refusal is not None
    found = stored(trial, write.key)
    holds = refused_or_failed(observation, write.refusal) and found == write.former
    expected = f"raises {type(write.refusal).__name__} or a BackendError, having written nothing"
    require(observation, holds, expected, _storage_holds(write, found))


def refused_or_failed(observation: Observation, refusal: StorageError) -> bool:
    """Whether the operation raised this refusal, or a BackendError."""
    attempt = observation.attempt
    return attempt.failed or attempt.unknown or same_error(attempt.error, refusal)


def check_recognizes_own_write(trial: Trial, observation: Observation) -> None:
    """The write that was applied before another client changed the key does not deny it."""
    interference = observation.interference
    if interference is None or not interference.applied_before:
        return
    write = observation.injection.write
    version = write.former_version + 1
    expected = f"returns {version} or raises OutcomeUnknownError, for it was applied"
    holds = observation.attempt.result == version or observation.attempt.unknown
    require(observation, holds, expected, _storage_holds(write, stored(trial, write.key)))


def check_undoes_nothing(trial: Trial, observation: Observation) -> None:
    """The put was applied before another client's write, or after it, or not: never both."""
    interference = observation.interference
    if interference is None or interference.written is None:
        return
    write = observation.injection.write
    found = stored(trial, write.key)
    if interference.applied_before:
        _check_keeps(observation, interference.written, found)
    else:
        _check_follows(observation, interference.written, found)


def _check_keeps(
    observation: Observation, theirs: VersionedRecord, found: VersionedRecord | None
) -> None:
    """The put, applied before the other client's write, has not been applied again after it."""
    attempt = observation.attempt
    version = theirs.version - 1
    expected = (
        f"returns {version} or raises OutcomeUnknownError, and keeps what another client has "
    )
    expected += f"written after it, version {theirs.version}"
    holds = (attempt.result == version or attempt.unknown) and found == theirs
    require(observation, holds, expected, _storage_holds(observation.injection.write, found))


def _check_follows(
    observation: Observation, theirs: VersionedRecord, found: VersionedRecord | None
) -> None:
    """The put, not applied before the other client's write, was applied after it, or failed."""
    attempt = observation.attempt
    write = observation.injection.write
    assert write.record is not None
    applied = VersionedRecord(write.record, theirs.version + 1)
    expected = f"returns {applied.version} having written after another client, "
    expected += "or raises a BackendError"
    holds = attempt.result == applied.version and found == applied
    holds |= attempt.failed and found == theirs
    holds |= attempt.unknown and found in (theirs, applied)
    require(observation, holds, expected, _storage_holds(write, found))


def _reports_success(write: Write, result: object) -> bool:
    """Whether the result is one of the write carried out.

    A delete that met its own first attempt may say that it found nothing.
    """
    if write.kind is not WriteKind.DELETE:
        return result == write.former_version + 1
    return result is False or (result is True and write.former is not None)


def _success_text(write: Write) -> str:
    if write.kind is not WriteKind.DELETE:
        return f"returns {write.former_version + 1} having written exactly once"
    return "returns False" if write.former is None else "returns having deleted the record"


def _storage_holds(write: Write, found: VersionedRecord | None) -> str:
    return f"; the storage holds {stored_text(write, found)}"


def stored_text(write: Write, found: VersionedRecord | None) -> str:
    """What the storage holds, in the terms of the write."""
    if found is None:
        return "nothing"
    if found.record == write.record:
        record = "the record of this write"
    elif write.former is not None and found.record == write.former.record:
        record = "the former record"
    else:
        record = "another client's record"
    return f"{record} at version {found.version}"
