"""FLT-12: writes that may have been applied."""

from __future__ import annotations

import time
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import cut_off
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
)
from pmcp_conformance.network.faults import Fault, lasting
from pmcp_conformance.network.faulty_connection import FaultyConnection, run_concurrently
from pmcp_conformance.network.injections import (
    Case,
    persistent,
    struck_cases,
)
from pmcp_conformance.network.operations import (
    WRITES,
    Write,
)

_AWAY = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
"""Seconds for which the storage is away: about as long as clients wait for a second attempt."""


@rule("FLT-12", doors=("address",))
def writes_that_may_have_been_applied(trial: Trial) -> None:
    """A write that fails and may have been applied raises OutcomeUnknownError; every other error
    means that nothing was written.
    """
    strikes = persistent(Fault.LOSE_ANSWER, Fault.VANISH)
    for case in struck_cases(trial, WRITES, *strikes):
        check_answer(trial, case)
    run_concurrently(
        [partial(returns_to_vanish, trial, maker(trial), s) for s in _AWAY for maker in WRITES]
    )


def returns_to_vanish(trial: Trial, write: Write, away: float) -> None:
    """A first attempt finds the storage away, the next one is carried out and loses its answer, and
    those after it find the storage away again."""
    case = Case(write, Fault.VANISH, at=1, of=1, lasts=True)

    def comes_back() -> None:
        time.sleep(away)
        connection.recording.lines.append("# the storage is back")
        connection.proxy.mend()
        connection.proxy.play(lasting(Fault.VANISH, 1))

    with FaultyConnection(trial) as connection:
        case.recording = connection.recording
        cut_off(connection, write)
        case.attempt = connection.call(write.run, meanwhile=comes_back)
        check_answer(trial, case)
