"""What a call on a spoilt way may have come to, by its answer and by what the storage holds."""

from __future__ import annotations

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.recording import outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.faulty_connection import stored_record
from pmcp_conformance.network.injections import Case, another
from pmcp_conformance.network.operations import Read, Write, same_error
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    VersionedRecord,
)


def stored_text(write: Write, found: VersionedRecord | None) -> str:
    """What the storage holds, in the terms of the write."""
    if found is None:
        return "nothing"
    whose = "another's record"
    if found.record == write.record:
        whose = "the record of this write"
    elif write.former is not None and found.record == write.former.record:
        whose = "the former record"
    return f"{whose} at version {found.version}"


def demand(case: Case, holds: object, expected: str, held: str) -> None:
    """Raise a Violation that tells the case's story, unless `holds`."""
    if not holds:
        told = f"it {case.attempt}{held}"
        raise Violation(f"{case} {expected}", told, case.recording.shown())


def check_answer(trial: Trial, case: Case) -> None:
    """What the operation answered is true, or an error, and so is what the next one answered."""
    if case.afterwards is not None:
        check_probe(case, case.afterwards)
    if isinstance(case.operation, Read):
        check_read(case)
    elif case.operation.refusal is None:
        check_write(trial, case)
    else:
        check_refusal(trial, case)


def check_probe(case: Case, after: Attempt) -> None:
    """The call after the operation, through the same handle, got an answer of its own."""
    operation = case.operation
    failed = isinstance(after.error, BackendError)
    if isinstance(operation, Write):
        refused = isinstance(after.error, ConcurrentModificationError | NotFoundError)
        told = "is followed by a put_if_version of a version that never was, which is refused"
        demand(case, refused or failed, told, f"; that one {after}")
    elif operation.other is not None:
        right = after.error is None and after.result == operation.other.right
        told = f"is followed by {operation.name} of another owner, which returns "
        told += f"{outcome_text(operation.other.right)} as without a fault"
        demand(case, right or failed, told, f"; that one {after}")


def check_write(trial: Trial, case: Case) -> None:
    """What the write answered is what the storage holds, where nobody else has written."""
    write, attempt = case.operation, case.attempt
    assert isinstance(write, Write)
    found = stored_record(trial, write.key)
    if attempt.error is None:
        holds = reports_success(write, attempt.result) and found == write.applied
    elif attempt.unknown:
        holds = found in (write.former, write.applied)
    else:
        holds = attempt.failed and found == write.former
    expected = f"{success_text(write)}, raises OutcomeUnknownError having written at most once, "
    expected += "or raises another BackendError having written nothing"
    demand(case, holds, expected, f"; the storage holds {stored_text(write, found)}")
    listed = trial.backend.unrecorded.list_by_owner(write.key[0])
    agree = listed == ([] if found is None else [found])
    held = f"; get finds {stored_text(write, found)}, the listing has {len(listed)} entries"
    demand(case, agree, "leaves get and the listing in agreement", held)


def reports_success(write: Write, result: object) -> bool:
    """Whether the result is one of the write carried out.

    A delete that met its own first attempt may say that it found nothing.
    """
    if write.record is not None:
        return result == write.version + 1
    return result is False or (result is True and write.former is not None)


def success_text(write: Write) -> str:
    if write.record is not None:
        return f"returns {write.version + 1} having written exactly once"
    return "returns False" if write.former is None else "returns having deleted the record"


def check_read(case: Case) -> None:
    """The read gave its right answer, or a BackendError."""
    read, attempt = case.operation, case.attempt
    assert isinstance(read, Read)
    right = attempt.error is None and attempt.result == read.right
    failed = isinstance(attempt.error, BackendError)
    expected = f"returns {outcome_text(read.right)} as without a fault, or raises a BackendError"
    demand(case, right or failed, expected, "")


def check_refusal(trial: Trial, case: Case) -> None:
    """The write whose condition does not hold was refused or failed, and nothing was written."""
    write, attempt = case.operation, case.attempt
    assert isinstance(write, Write)
    assert write.refusal is not None
    found = stored_record(trial, write.key)
    holds = attempt.failed or attempt.unknown or same_error(attempt.error, write.refusal)
    told = f"raises {type(write.refusal).__name__} or a BackendError, having written nothing"
    held = f"; the storage holds {stored_text(write, found)}"
    demand(case, holds and found == write.former, told, held)


def write_meanwhile(trial: Trial, case: Case, *, equal: bool) -> None:
    """Somebody else writes after what is stored: a record of its own, or one equal to this."""
    write = case.operation
    assert isinstance(write, Write)
    assert write.record is not None
    found = stored_record(trial, write.key)
    if equal and found != write.former:
        return  # the write has been applied by an exchange before
    handle, record = another(trial, case), write.record
    if not equal:
        record = record.model_copy(update={"variables": {"mark": "another's"}})
    if found is None:
        handle.create(record)
    else:
        handle.put_if_version(record, found.version)
    version = 1 if found is None else found.version + 1
    case.interfered = VersionedRecord(record, version)
    case.applied_before = found == write.applied


def delete_meanwhile(trial: Trial, case: Case) -> None:
    """Somebody else reads what this has just written, and deletes it."""
    write = case.operation
    assert isinstance(write, Write)
    case.applied_before = stored_record(trial, write.key) == write.applied
    if case.applied_before:
        handle = another(trial, case)
        handle.get(*write.key)
        handle.delete(*write.key)


def check_recognizes_own_write(trial: Trial, case: Case) -> None:
    """The write that was applied before another changed the key does not say that it was not."""
    write, attempt = case.operation, case.attempt
    assert isinstance(write, Write)
    if case.applied_before:
        told = f"returns {write.version + 1} or raises OutcomeUnknownError, for it was applied"
        held = f"; the storage holds {stored_text(write, stored_record(trial, write.key))}"
        demand(case, attempt.result == write.version + 1 or attempt.unknown, told, held)


def check_undoes_nothing(trial: Trial, case: Case) -> None:
    """The put was applied before another's write, or after it, or not: never both."""
    write, attempt, theirs = case.operation, case.attempt, case.interfered
    assert isinstance(write, Write)
    assert theirs is not None
    assert write.record is not None
    found = stored_record(trial, write.key)
    first = VersionedRecord(write.record, theirs.version - 1)
    after = VersionedRecord(write.record, theirs.version + 1)
    if case.applied_before:
        told = f"returns {first.version} or raises OutcomeUnknownError, and keeps what another has "
        told += f"written after it, version {theirs.version}"
        holds = (attempt.result == first.version or attempt.unknown) and found == theirs
    else:
        told = f"returns {after.version} having written after another, or raises a BackendError"
        holds = attempt.result == after.version and found == after
        holds |= attempt.failed and found == theirs
        holds |= attempt.unknown and found in (theirs, after)
    demand(case, holds, told, f"; the storage holds {stored_text(write, found)}")
