"""FLT-6: the handle recovers."""

from __future__ import annotations

import time
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import answer_time, require_works
from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.engine.recording import outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.checks import stored
from pmcp_conformance.network.faults import FAULTS
from pmcp_conformance.network.faults.base import Fault
from pmcp_conformance.network.faults.crash_before_request import CRASH_BEFORE_REQUEST
from pmcp_conformance.network.faults.delay_answer import DELAY_ANSWER
from pmcp_conformance.network.faults.hold_request import HOLD_REQUEST
from pmcp_conformance.network.faulty_connection import FaultyConnection, NoAnswer, run_concurrently
from pmcp_conformance.network.schedules import always
from pmcp_conformance.network.tested_operations import HandleCall
from pmcp_conformance.network.tested_writes import put_never_stored_version
from pmcp_storage import BackendError, ConcurrentModificationError, TaskRecord

_CALLERS = 16
"""Calls at once while the storage is away."""

_QUICK_CALLERS = 80
"""Calls in all where they do not wait for a timeout: more than a pool has connections."""

_PAUSE = 0.02
"""Seconds between two looks whether the handle works again."""

_HANDLES = 6
"""Handles that are tried at once, as each of their callers holds three files."""


@rule("FLT-6", back_doors=("address",))
def the_handle_recovers(trial: Trial) -> None:
    """After the storage comes back the same handle works.

    Why: The database is restarted in a minute, but the server stays broken until somebody restarts
    it too: dead connections, a drained pool or an open circuit breaker outlive the outage.

    Real bug: After a restart of graphd, Nebula's Java client kept the invalid connections in its
    pool, and sessions that got one failed with Broken pipe.
    (https://github.com/vesoft-inc/nebula-java/issues/457)

    Mend: Close a connection on which anything failed, and give its place in the pool back in a
    finally, also when connecting fails. Let breakers close again by themselves, and keep doubt
    about one answer in the call, not in the handle.
    """
    slowest_first = sorted(FAULTS, key=lambda fault: not fault.client_waits)
    jobs = []
    for fault in slowest_first:
        # A request that never arrives because nobody delivers it is one that is swallowed.
        if fault not in (DELAY_ANSWER, HOLD_REQUEST):
            record = trial.store_record(trial.owner())
            changes = [trial.record(record.owner_id) for _ in range(3)]
            jobs.append(partial(recovers, trial, fault, record, changes))
    run_concurrently(jobs, _HANDLES)


def recovers(trial: Trial, fault: Fault, record: TaskRecord, changes: list[TaskRecord]) -> None:
    """The handle, having failed under the fault, reads and writes when it is over."""
    key = (record.owner_id, record.task_id)
    with FaultyConnection(trial) as connection:
        require_works(connection, lambda handle: handle.get(*key))
        if fault is CRASH_BEFORE_REQUEST:
            connection.proxy.refuse()
        else:
            connection.proxy.inject(always(fault))
        connection.note(f"from now on {fault.description}")
        # Together, so that all connections of a pool are broken, or all places in it taken.
        calls: list[HandleCall] = [
            lambda handle: handle.get(*key),
            lambda handle: handle.put_if_version(changes[0], 1),
        ]
        callers = _CALLERS if fault.client_waits else _QUICK_CALLERS
        jobs = [partial(connection.call, call) for call in calls * (callers // 2)]
        run_concurrently(jobs, _CALLERS)
        connection.mend()
        works_again(trial, connection, changes[1:], f"after a time in which {fault.description}")


def works_again(
    trial: Trial, connection: FaultyConnection, changes: list[TaskRecord], when: str
) -> None:
    """The handle reads what is stored, as soon as it is answered, writes after it, and is refused
    what it must be refused, and not in doubt for ever."""
    record, stale = changes
    limit = Limit(trial.target.answer_within)
    while not reads_and_writes(trial, connection, record, when, last=limit.is_over):
        time.sleep(_PAUSE)
    attempt = connection.call_until_answered(partial(put_never_stored_version, stale))
    expected = f"put_if_version of a version that was never stored raises {answer_time(trial)} what"
    expected += " it raises without faults, ConcurrentModificationError"
    if not isinstance(attempt.error, ConcurrentModificationError):
        raise not_recovered(trial, connection, attempt, f"{when}, {expected}")


def reads_and_writes(
    trial: Trial, connection: FaultyConnection, record: TaskRecord, when: str, *, last: bool
) -> bool:
    """Whether the handle reads what is stored, and writes after it; False where the storage still
    fails, unless it is the last attempt."""
    key = (record.owner_id, record.task_id)
    before = stored(trial, key)
    attempt = connection.call(lambda handle: handle.get(*key))
    found = stored(trial, key)
    if attempt.result is None or attempt.result not in (before, found):
        expected = f"get returns {answer_time(trial)} what is stored: {outcome_text(found)}"
        return may_go_on(trial, connection, attempt, f"{when}, {expected}", last)
    version = attempt.result.version
    attempt = connection.call(lambda handle: handle.put_if_version(record, version))
    if attempt.result != version + 1 and found == before:
        expected = f"put_if_version of version {version}, just read, returns {version + 1}"
        return may_go_on(trial, connection, attempt, f"{when}, {expected}", last)
    return bool(attempt.result == version + 1)


def may_go_on(
    trial: Trial, connection: FaultyConnection, attempt: Attempt, expected: str, last: bool
) -> bool:
    """False where the storage has failed, and may yet answer; a Violation otherwise."""
    if last or not isinstance(attempt.error, BackendError):
        raise not_recovered(trial, connection, attempt, expected)
    return False


def not_recovered(
    trial: Trial, connection: FaultyConnection, attempt: Attempt, expected: str
) -> Violation:
    """What a report shows of a handle that does not work again.

    Raises Inconclusive if no handle would, as the storage has not come back by itself.
    """
    if isinstance(attempt.error, BackendError | NoAnswer):
        with FaultyConnection(trial) as fresh:
            require_works(fresh, lambda handle: handle.list_by_owner(trial.owner()))
    return Violation(expected, f"it {attempt}", connection.recording.shown())
