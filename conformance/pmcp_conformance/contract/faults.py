"""FLT: faults on the way to the storage. An answer given under a fault is true, or an error.

Each rule puts the kit's proxy between a handle and the server. For an operation of n exchanges it
strikes the k-th for k = 1 … n, once, and also the k-th and all later ones. From FLT-8 on the
rules stand in `outcomes`.
"""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.recording import outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.answers import (
    agrees,
    deletes_meanwhile,
    knows_itself,
    undoes_nothing,
    writes_meanwhile,
)
from pmcp_conformance.network.cases import both_ways, just_once, struck_cases
from pmcp_conformance.network.connections import Route, at_once, stored
from pmcp_conformance.network.faults import WAITING, Fault, lasting
from pmcp_conformance.network.operations import (
    CREATE,
    DELETE,
    DELETE_ABSENT,
    PUT,
    PUT_NEW,
    STALE,
    SWAP,
    WRITES,
    Call,
    Operation,
    Read,
    put_nowhere,
    reads,
)
from pmcp_storage import BackendError, ConcurrentModificationError, TaskRecord

_CALLERS = 16
"""Calls at once while the storage is away."""

_QUICK_CALLERS = 80
"""Calls in all where they do not wait for a timeout: more than a pool has connections."""

_HANDLES = 3
"""Handles that are tried at once, as each of their callers holds three files."""

_LOST = (*just_once(Fault.WITHHOLD), *both_ways(Fault.LOSE_ANSWER))
"""The ways to lose an answer: once by a timeout, which takes long, and by a closed connection."""


@rule("FLT-1", doors=("address",))
def storage_that_cannot_be_reached(trial: Trial) -> None:
    """Storage that cannot be reached raises BackendError within answer_within."""
    operations = [maker(trial) for maker in (*WRITES, *reads(trial, 1)) for _ in range(2)]
    if not trial.target.native_expiry:
        operations += [Read("cleanup_expired", lambda handle: handle.cleanup_expired(), 0)] * 2
    warmed_up = trial.owner()
    jobs = [
        partial(unreachable, trial, operation, warmed_up if number % 2 else None)
        for number, operation in enumerate(operations)
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
    for case in struck_cases(trial, (*WRITES, DELETE_ABSENT), *both_ways(Fault.CUT_REQUEST)):
        agrees(trial, case)


@rule("FLT-3", doors=("address",))
def lost_answers_of_conditional_writes(trial: Trial) -> None:
    """When the answer to an applied put_if_version or create is lost, the call succeeds or raises
    OutcomeUnknownError: never a conflict with itself, an already-exists or a not-found.
    """
    for case in struck_cases(trial, (SWAP, CREATE), *_LOST):
        agrees(trial, case)
    lost = just_once(Fault.LOSE_ANSWER)
    for meanwhile in (partial(writes_meanwhile, equal=False), deletes_meanwhile):
        others = partial(meanwhile, trial)
        for case in struck_cases(trial, (SWAP, CREATE), *lost, meanwhile=others):
            knows_itself(trial, case)


@rule("FLT-4", doors=("address",))
def lost_answers_of_puts(trial: Trial) -> None:
    """When the answer to an applied put is lost, an acknowledged put has taken effect exactly
    once, and no acknowledged write of another is undone.
    """
    for case in struck_cases(trial, (PUT, PUT_NEW), *both_ways(Fault.LOSE_ANSWER)):
        agrees(trial, case)
    overwrite = partial(writes_meanwhile, trial, equal=False)
    for case in struck_cases(trial, (PUT, PUT_NEW), *_LOST, meanwhile=overwrite):
        if case.interfered is not None:
            undoes_nothing(trial, case)


@rule("FLT-5", doors=("address",))
def lost_answers_of_deletes(trial: Trial) -> None:
    """When the answer to an applied delete is lost, the record is gone and the call returns, or
    raises OutcomeUnknownError.
    """
    for case in struck_cases(trial, (DELETE,), *_LOST):
        agrees(trial, case)


@rule("FLT-6", doors=("address",))
def the_handle_recovers(trial: Trial) -> None:
    """After the storage comes back the same handle works."""
    # The slowest first.
    others = [fault for fault in Fault if fault not in (Fault.PASS, Fault.DELAY, *WAITING)]
    faults = [*WAITING, *others]
    records = [trial.seed(trial.owner()) for _ in faults]
    jobs = [
        partial(recovers, trial, fault, record, [trial.record(record.owner_id) for _ in range(3)])
        for fault, record in zip(faults, records, strict=True)
    ]
    at_once(jobs, _HANDLES)


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
        # Together, so that all connections of a pool are broken, or all places in it taken.
        calls: list[Call] = [
            lambda handle: handle.get(*key),
            lambda handle: handle.put_if_version(changes[0], 1),
        ]
        callers = _CALLERS if fault in WAITING else _QUICK_CALLERS
        at_once([partial(route.call, call) for call in calls * (callers // 2)], _CALLERS)
        route.mend()
        works_again(trial, route, changes[1:], f"after a time in which {fault}")


def works_again(trial: Trial, route: Route, changes: list[TaskRecord], when: str) -> None:
    """The handle reads what is stored, as soon as it is answered, writes after it, and is refused
    what it must be refused, and not in doubt for ever."""
    record, stale = changes
    key = (record.owner_id, record.task_id)
    attempt = route.settled(lambda handle: handle.get(*key))
    found = stored(trial, key)
    if found is None or attempt.result != found:
        within = f"{trial.target.answer_within:g} s"
        told = f"{when}, get returns within {within} what is stored: {outcome_text(found)}"
        raise Violation(told, f"it {attempt}", route.trace.shown())
    attempt = route.call(lambda handle: handle.put_if_version(record, found.version))
    if attempt.result != found.version + 1:
        told = f"{when}, put_if_version of version {found.version}, just read, returns "
        told += f"{found.version + 1}"
        raise Violation(told, f"it {attempt}", route.trace.shown())
    attempt = route.settled(lambda handle: put_nowhere(stale, handle))
    if not isinstance(attempt.error, ConcurrentModificationError):
        within = f"{trial.target.answer_within:g} s"
        told = f"{when}, put_if_version of a version that never was raises within {within} what it "
        told += "raises without faults, ConcurrentModificationError"
        raise Violation(told, f"it {attempt}", route.trace.shown())


@rule("FLT-7", doors=("address",))
def spoilt_answers(trial: Trial) -> None:
    """An answer that is cut, or replaced by bytes that are not the protocol, raises BackendError,
    or the call succeeds by a retry that is safe.
    """
    makers = (*WRITES, *STALE, *reads(trial, 3))
    spoilt = both_ways(Fault.CUT_ANSWER, Fault.GARBLE, Fault.MUDDLE)
    for case in struck_cases(trial, makers, *spoilt):
        agrees(trial, case)
