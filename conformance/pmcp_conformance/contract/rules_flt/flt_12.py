"""FLT-12: writes that may have been applied."""

from __future__ import annotations

import time
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import cut_off
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.answers import (
    agrees,
)
from pmcp_conformance.network.cases import (
    Case,
    for_good,
    struck_cases,
)
from pmcp_conformance.network.connections import Route, at_once
from pmcp_conformance.network.faults import Fault, lasting
from pmcp_conformance.network.operations import (
    WRITES,
    Write,
)

_AWAY = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
"""Seconds for which the storage is away: about as long as clients wait for a second attempt."""


@rule("FLT-12", back_doors=("address",))
def writes_that_may_have_been_applied(trial: Trial) -> None:
    """A write that fails and may have been applied raises OutcomeUnknownError; every other error
    means that nothing was written.
    """
    strikes = for_good(Fault.LOSE_ANSWER, Fault.VANISH)
    for case in struck_cases(trial, WRITES, *strikes):
        agrees(trial, case)
    at_once([partial(returns_to_vanish, trial, maker(trial), s) for s in _AWAY for maker in WRITES])


def returns_to_vanish(trial: Trial, write: Write, away: float) -> None:
    """A first attempt finds the storage away, the next one is carried out and loses its answer, and
    those after it find the storage away again."""
    case = Case(write, Fault.VANISH, at=1, of=1, lasts=True)

    def comes_back() -> None:
        time.sleep(away)
        route.recording.lines.append("# the storage is back")
        route.proxy.mend()
        route.proxy.play(lasting(Fault.VANISH, 1))

    with Route(trial) as route:
        case.recording = route.recording
        cut_off(route, write)
        case.attempt = route.call(write.run, meanwhile=comes_back)
        agrees(trial, case)
