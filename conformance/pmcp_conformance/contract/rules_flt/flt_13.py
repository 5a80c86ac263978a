"""FLT-13: writes that cannot have been applied."""

from __future__ import annotations

import time
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import cut_off
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive, Violation
from pmcp_conformance.network.checks import stored, stored_text
from pmcp_conformance.network.faulty_connection import FaultyConnection, run_concurrently
from pmcp_conformance.network.tested_operations import Write, same_error
from pmcp_conformance.network.tested_writes import STALE_WRITES, WRITES, WriteMaker

_ABSENCES = 8
"""Absences of the storage that a stale write meets, the first one of 0.01 seconds."""

_MOST_ABSENCES = 3 * _ABSENCES
"""The same, with those that tell nothing."""


@rule("FLT-13", back_doors=("address",))
def writes_that_cannot_have_been_applied(trial: Trial) -> None:
    """A write that cannot have been applied (connection refused) is not called unknown: a conflict
    after it is a plain conflict.

    Why: If every failure is called unknown, callers must read and decide after each refused
    connection, and plain conflicts look like mysteries. A write that is sent later, after it has
    failed, overwrites newer data.

    Real bug: ioredis could send a command, once the connection was ready, that had already been
    rejected with 'Command timed out' while it was waiting in the offline queue.
    (https://github.com/redis/ioredis/pull/2131)

    Mend: Connect first and send then: what fails before sending is BackendError, and a conflict
    after it a plain conflict. Switch offline queues off, and drop a failed command for good.
    """
    jobs = [partial(fails_plainly, trial, maker(trial)) for maker in WRITES]
    jobs += [partial(conflicts_plainly, trial, maker) for maker in STALE_WRITES]
    run_concurrently(jobs)


def fails_plainly(trial: Trial, write: Write) -> None:
    """While connections are refused, the write fails for certain: it is not done later."""
    with FaultyConnection(trial) as connection:
        cut_off(connection, write)
        attempt = connection.call(write.run)
        # What was put off would now be sent.
        connection.mend()
        connection.call_until_answered(lambda handle: handle.get(*write.key))
        connection.call_until_answered(write.probe.run)
        found = stored(trial, write.key)
        if not attempt.failed or found != write.former:
            expected = f"{write.name}, all connections refused: a BackendError that is not "
            expected += "OutcomeUnknownError, having written nothing, then or later"
            observed = f"it {attempt}; the storage holds {stored_text(write, found)}"
            raise Violation(expected, observed, connection.recording.shown())


def conflicts_plainly(trial: Trial, maker: WriteMaker) -> None:
    """A stale write meets storage that comes back about when the client makes its last attempt:
    sooner after a write that failed, later after one that did not."""
    absence, told = 0.01, 0
    for _ in range(_MOST_ABSENCES):
        failed = fails_or_conflicts(trial, maker(trial), absence)
        if failed is not None:
            told += 1
            absence *= 0.5 if failed else 1.6
        if told == _ABSENCES:
            return
    raise Inconclusive(
        f"the server was too slow for all but {told} of {_MOST_ABSENCES} writes: run it again when "
        "this machine has less to do"
    )


def fails_or_conflicts(trial: Trial, write: Write, absence: float) -> bool | None:
    """Whether the stale write fails where the storage comes back after `absence` seconds;
    otherwise it is refused as without faults.

    None if the write is rightly called unknown: it was sent, and waited for its answer.
    """
    assert write.refusal is not None

    def come_back() -> None:
        time.sleep(absence)
        connection.note("the storage is back")
        connection.proxy.mend()

    with FaultyConnection(trial) as connection:
        cut_off(connection, write)
        attempt = connection.call(write.run, meanwhile=come_back)
        if attempt.unknown and not connection.proxy.was_prompt():
            return None
        if not attempt.failed and not same_error(attempt.error, write.refusal):
            expected = f"{write.name}, connections refused for {absence:.4f} s: "
            expected += f"{type(write.refusal).__name__} or a BackendError that is not "
            expected += "OutcomeUnknownError"
            raise Violation(expected, f"it {attempt}", connection.recording.shown())
        return attempt.failed
