"""FLT-7: spoilt answers."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
)
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.injections import (
    persistent_and_transient,
    struck_cases,
)
from pmcp_conformance.network.operations import (
    STALE,
    WRITES,
    reads,
)


@rule("FLT-7", doors=("address",))
def spoilt_answers(trial: Trial) -> None:
    """An answer that is cut, or replaced by bytes that are not the protocol, raises BackendError,
    or the call succeeds by a retry that is safe.
    """
    makers = (*WRITES, *STALE, *reads(trial, 3))
    spoilt = persistent_and_transient(Fault.CUT_ANSWER, Fault.GARBLE, Fault.MUDDLE)
    for case in struck_cases(trial, makers, *spoilt):
        check_answer(trial, case)
