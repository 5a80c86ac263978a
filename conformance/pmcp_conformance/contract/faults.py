"""FLT: faults on the way to the storage. An answer given under a fault is true, or an error.

Each rule puts the kit's proxy between a handle and the server. For an operation of n exchanges it
strikes the k-th for k = 1 … n, once, and also the k-th and all later ones. From FLT-8 on the
rules stand in `outcomes`.
"""

from __future__ import annotations

import time
from functools import partial

from pmcp_conformance.faulted import (
    CREATE,
    DELETE,
    PUT,
    PUT_NEW,
    SWAP,
    WRITES,
    Call,
    Case,
    Operation,
    Read,
    Route,
    Write,
    another,
    at_once,
    reads,
    stored,
    struck_cases,
)
from pmcp_conformance.faults import Fault, lasting
from pmcp_conformance.rules import rule
from pmcp_conformance.trace import outcome_text
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation
from pmcp_storage import BackendError, TaskRecord, VersionedRecord

_PAUSE = 0.02
"""Seconds between two looks whether a handle works again."""


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
        raise Violation(f"{case} {expected}", told, case.trace.shown())


def write_agrees(trial: Trial, case: Case) -> None:
    """What the write answered is what the storage holds, where nobody else has written.

    A delete that met its own first attempt may say that it found nothing.
    """
    write, attempt = case.operation, case.attempt
    assert isinstance(write, Write)
    found = stored(trial, write.key)
    if attempt.error is None:
        told = write.record is None and isinstance(attempt.result, bool)
        holds = (told or attempt.result == write.version + 1) and found == write.applied
    elif attempt.unknown:
        holds = found in (write.former, write.applied)
    else:
        holds = attempt.failed and found == write.former
    success = "True" if write.record is None else str(write.version + 1)
    demand(
        case,
        holds,
        f"returns {success} having written exactly once, raises OutcomeUnknownError, or raises "
        "another BackendError having written nothing",
        f"; the storage holds {stored_text(write, found)}",
    )


def read_agrees(case: Case) -> None:
    """The read gave its right answer, or a BackendError."""
    read, attempt = case.operation, case.attempt
    assert isinstance(read, Read)
    right = attempt.error is None and attempt.result == read.right
    failed = isinstance(attempt.error, BackendError)
    expected = f"returns {outcome_text(read.right)} as without a fault, or raises a BackendError"
    demand(case, right or failed, expected, "")


@rule("FLT-1", doors=("address",))
def storage_that_cannot_be_reached(trial: Trial) -> None:
    """Storage that cannot be reached raises BackendError within answer_within."""
    makers, warmed_up = (*WRITES, *reads(trial, 1)), trial.owner()
    jobs = [
        partial(unreachable, trial, maker(trial), warmed_up if warm else None)
        for maker in makers
        for warm in (False, True)
    ]
    at_once(jobs)


def unreachable(trial: Trial, operation: Operation, warmed_up: str | None) -> None:
    """The operation fails by a fresh handle, or by one that has worked on this owner before."""
    with Route(trial) as route:
        if warmed_up is not None:
            works(route, lambda handle: handle.list_by_owner(warmed_up))
        route.proxy.refuse()
        attempt = route.call(operation.run)
        handle = "a handle that worked before" if warmed_up else "a fresh handle"
        told = f"{operation.name} by {handle}, all connections refused: BackendError within "
        told += f"{trial.target.answer_within:g} s"
        if not isinstance(attempt.error, BackendError):
            raise Violation(told, f"it {attempt}", route.trace.shown())


def works(route: Route, call: Call) -> object:
    """The result of a call that nothing disturbs."""
    attempt = route.call(call)
    if attempt.error is not None:
        told = f"it {attempt}"
        raise Violation("a call without faults that works", told, route.trace.shown())
    return attempt.result


@rule("FLT-2", doors=("address",))
def requests_that_never_arrive(trial: Trial) -> None:
    """A connection cut before the request arrives leaves the stored state as the answer says."""
    for case in struck_cases(trial, WRITES, Fault.CUT_REQUEST):
        write_agrees(trial, case)


@rule("FLT-3", doors=("address",))
def lost_answers_of_conditional_writes(trial: Trial) -> None:
    """When the answer to an applied put_if_version or create is lost, the call succeeds or raises
    OutcomeUnknownError: never a conflict with itself, an already-exists or a not-found.
    """
    for case in struck_cases(trial, (SWAP, CREATE), Fault.LOSE_ANSWER):
        write_agrees(trial, case)


@rule("FLT-4", doors=("address",))
def lost_answers_of_puts(trial: Trial) -> None:
    """When the answer to an applied put is lost, an acknowledged put has taken effect exactly
    once, and no acknowledged write of another is undone.
    """
    for case in struck_cases(trial, (PUT, PUT_NEW), Fault.LOSE_ANSWER):
        write_agrees(trial, case)
    overwrite = partial(writes_meanwhile, trial, equal=False)
    for case in struck_cases(trial, (PUT, PUT_NEW), Fault.LOSE_ANSWER, meanwhile=overwrite):
        if case.interfered is not None:
            undoes_nothing(trial, case)


def writes_meanwhile(trial: Trial, case: Case, *, equal: bool) -> None:
    """Somebody else writes after what is stored: a record of its own, or one equal to this."""
    write = case.operation
    assert isinstance(write, Write)
    assert write.record is not None
    found = stored(trial, write.key)
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


def undoes_nothing(trial: Trial, case: Case) -> None:
    """The put was applied before another's write, or after it, or not: never both."""
    write, attempt, theirs = case.operation, case.attempt, case.interfered
    assert isinstance(write, Write)
    assert theirs is not None
    assert write.record is not None
    found = stored(trial, write.key)
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


@rule("FLT-5", doors=("address",))
def lost_answers_of_deletes(trial: Trial) -> None:
    """When the answer to an applied delete is lost, the record is gone and the call returns, or
    raises OutcomeUnknownError.
    """
    for case in struck_cases(trial, (DELETE,), Fault.LOSE_ANSWER):
        write_agrees(trial, case)


@rule("FLT-6", doors=("address",))
def the_handle_recovers(trial: Trial) -> None:
    """After the storage comes back the same handle works."""
    faults = [fault for fault in Fault if fault not in (Fault.PASS, Fault.DELAY)]
    records = [trial.seed(trial.owner()) for _ in faults]
    changes = [trial.record(record.owner_id) for record in records for _ in range(2)]
    jobs = [
        partial(recovers, trial, fault, records[number], changes[2 * number : 2 * number + 2])
        for number, fault in enumerate(faults)
    ]
    at_once(jobs)


def recovers(trial: Trial, fault: Fault, record: TaskRecord, changes: list[TaskRecord]) -> None:
    """The handle, having failed under the fault, reads and writes when it is over."""
    key = (record.owner_id, record.task_id)
    with Route(trial) as route:
        works(route, lambda handle: handle.get(*key))
        if fault is Fault.REFUSE:
            route.proxy.refuse()
        else:
            route.proxy.play(lasting(fault, 1))
        route.trace.lines.append(f"# from now on {fault}")
        # Together, so that more than one connection of a pool is broken.
        calls: list[Call] = [
            lambda handle: handle.get(*key),
            lambda handle: handle.put_if_version(changes[0], 1),
        ]
        at_once([partial(route.call, call) for call in calls])
        route.trace.lines.append("# the storage is back")
        route.proxy.mend()
        version = reads_again(trial, route, key, fault)
        attempt = route.call(lambda handle: handle.put_if_version(changes[1], version))
        told = f"put_if_version returns {version + 1} after the storage, where {fault}, is back"
        if attempt.result != version + 1:
            raise Violation(told, f"it {attempt}", route.trace.shown())


def reads_again(trial: Trial, route: Route, key: tuple[str, str], fault: Fault) -> int:
    """The version that the handle reads, as soon as it does so; some need a moment."""
    deadline = time.monotonic() + trial.target.answer_within
    while True:
        attempt = route.call(lambda handle: handle.get(*key))
        if isinstance(attempt.result, VersionedRecord) and attempt.result == stored(trial, key):
            return attempt.result.version
        late = time.monotonic() > deadline
        if late or not isinstance(attempt.error, BackendError):
            told = f"a handle that reads again when the storage, where {fault}, is back"
            raise Violation(told, f"get {attempt}", route.trace.shown())
        time.sleep(_PAUSE)


@rule("FLT-7", doors=("address",))
def spoilt_answers(trial: Trial) -> None:
    """An answer that is cut, or replaced by bytes that are not the protocol, raises BackendError,
    or the call succeeds by a retry that is safe.
    """
    makers = (*WRITES, *reads(trial, 3))
    for case in struck_cases(trial, makers, Fault.CUT_ANSWER, Fault.GARBLE):
        if isinstance(case.operation, Read):
            read_agrees(case)
        else:
            write_agrees(trial, case)
