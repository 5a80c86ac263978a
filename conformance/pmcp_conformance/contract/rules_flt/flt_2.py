"""FLT-2: requests that never arrive."""

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
    DELETE_ABSENT,
    WRITES,
)


@rule("FLT-2", doors=("address",))
def requests_that_never_arrive(trial: Trial) -> None:
    """A connection cut before the request arrives leaves the stored state as the answer says."""
    for case in struck_cases(
        trial, (*WRITES, DELETE_ABSENT), *persistent_and_transient(Fault.CUT_REQUEST)
    ):
        check_answer(trial, case)
