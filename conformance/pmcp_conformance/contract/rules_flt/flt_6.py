"""FLT-6: the handle recovers."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import works
from pmcp_conformance.engine.recording import outcome_text
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.faults import WAITING, Fault, lasting
from pmcp_conformance.network.faulty_connection import (
    FaultyConnection,
    run_concurrently,
    stored_record,
)
from pmcp_conformance.network.operations import HandleCall, put_nowhere
from pmcp_storage import ConcurrentModificationError, TaskRecord

_CALLERS = 16
"""Calls at once while the storage is away."""


_QUICK_CALLERS = 80
"""Calls in all where they do not wait for a timeout: more than a pool has connections."""


_HANDLES = 3
"""Handles that are tried at once, as each of their callers holds three files."""


@rule("FLT-6", doors=("address",))
def the_handle_recovers(trial: Trial) -> None:
    """After the storage comes back the same handle works."""
    # The slowest first.
    others = [fault for fault in Fault if fault not in (Fault.PASS, Fault.DELAY, *WAITING)]
    faults = [*WAITING, *others]
    records = [trial.store_record(trial.owner()) for _ in faults]
    jobs = [
        partial(recovers, trial, fault, record, [trial.record(record.owner_id) for _ in range(3)])
        for fault, record in zip(faults, records, strict=True)
    ]
    run_concurrently(jobs, _HANDLES)


def recovers(trial: Trial, fault: Fault, record: TaskRecord, changes: list[TaskRecord]) -> None:
    """The handle, having failed under the fault, reads and writes when it is over."""
    key = (record.owner_id, record.task_id)
    with FaultyConnection(trial) as connection:
        works(connection, lambda handle: handle.get(*key))
        if fault is Fault.REFUSE:
            connection.proxy.refuse()
        else:
            connection.proxy.play(lasting(fault, 1))
        connection.recording.lines.append(f"# from now on {fault}")
        # Together, so that all connections of a pool are broken, or all places in it taken.
        calls: list[HandleCall] = [
            lambda handle: handle.get(*key),
            lambda handle: handle.put_if_version(changes[0], 1),
        ]
        callers = _CALLERS if fault in WAITING else _QUICK_CALLERS
        run_concurrently(
            [partial(connection.call, call) for call in calls * (callers // 2)], _CALLERS
        )
        connection.mend()
        works_again(trial, connection, changes[1:], f"after a time in which {fault}")


def works_again(
    trial: Trial, connection: FaultyConnection, changes: list[TaskRecord], when: str
) -> None:
    """The handle reads what is stored, as soon as it is answered, writes after it, and is refused
    what it must be refused, and not in doubt for ever."""
    record, stale = changes
    key = (record.owner_id, record.task_id)
    attempt = connection.settled(lambda handle: handle.get(*key))
    found = stored_record(trial, key)
    if found is None or attempt.result != found:
        within = f"{trial.target.answer_within:g} s"
        told = f"{when}, get returns within {within} what is stored: {outcome_text(found)}"
        raise Violation(told, f"it {attempt}", connection.recording.shown())
    attempt = connection.call(lambda handle: handle.put_if_version(record, found.version))
    if attempt.result != found.version + 1:
        told = f"{when}, put_if_version of version {found.version}, just read, returns "
        told += f"{found.version + 1}"
        raise Violation(told, f"it {attempt}", connection.recording.shown())
    attempt = connection.settled(lambda handle: put_nowhere(stale, handle))
    if not isinstance(attempt.error, ConcurrentModificationError):
        within = f"{trial.target.answer_within:g} s"
        told = f"{when}, put_if_version of a version that never was raises within {within} what it "
        told += "raises without faults, ConcurrentModificationError"
        raise Violation(told, f"it {attempt}", connection.recording.shown())
