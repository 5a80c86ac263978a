"""FLT-13: writes that cannot have been applied."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import cut_off
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.checks import (
    stored_text,
)
from pmcp_conformance.network.faulty_connection import (
    FaultyConnection,
    run_concurrently,
    stored_record,
)
from pmcp_conformance.network.operations import (
    STALE,
    WRITES,
    Write,
    same_error,
)

_ABSENCES = 8
"""Absences of the storage that a stale write meets, the first one of 0.01 seconds."""


@rule("FLT-13", doors=("address",))
def writes_that_cannot_have_been_applied(trial: Trial) -> None:
    """A write that cannot have been applied (connection refused) is not called unknown: a conflict
    after it is a plain conflict.
    """
    jobs = [partial(fails_plainly, trial, maker(trial)) for maker in WRITES]
    jobs += [partial(conflict_plainly, trial, maker) for maker in STALE]
    run_concurrently(jobs)


def fails_plainly(trial: Trial, write: Write) -> None:
    """While connections are refused, the write fails for certain: it is not done later."""
    with FaultyConnection(trial) as connection:
        cut_off(connection, write)
        attempt = connection.call(write.run)
        # What was put off would now be sent.
        connection.mend()
        connection.settled(lambda handle: handle.get(*write.key))
        connection.settled(write.following)
        found = stored_record(trial, write.key)
        if not attempt.failed or found != write.former:
            told = f"{write.name}, all connections refused: a BackendError that is not "
            told += "OutcomeUnknownError, having written nothing, then or later"
            observed = f"it {attempt}; the storage holds {stored_text(write, found)}"
            raise Violation(told, observed, connection.recording.shown())


def conflict_plainly(trial: Trial, maker: Callable[[Trial], Write]) -> None:
    """A stale write meets storage that comes back about when the client makes its last attempt:
    sooner after a write that failed, later after one that did not."""
    away = 0.01
    for _ in range(_ABSENCES):
        away *= 0.5 if fails_or_conflicts(trial, maker(trial), away) else 1.6


def fails_or_conflicts(trial: Trial, write: Write, away: float) -> bool:
    """Whether the stale write fails where the storage comes back after so many seconds; otherwise
    it is refused as without faults."""

    def comes_back() -> None:
        time.sleep(away)
        connection.recording.lines.append("# the storage is back")
        connection.proxy.mend()

    with FaultyConnection(trial) as connection:
        cut_off(connection, write)
        attempt = connection.call(write.run, meanwhile=comes_back)
        assert write.refusal is not None
        if not attempt.failed and not same_error(attempt.error, write.refusal):
            told = f"{write.name}, connections refused for {away:.4f} s: "
            told += (
                f"{type(write.refusal).__name__} or a BackendError that is not OutcomeUnknownError"
            )
            raise Violation(told, f"it {attempt}", connection.recording.shown())
        return attempt.failed
