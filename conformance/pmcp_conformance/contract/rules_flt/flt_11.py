"""FLT-11: servers that never answer."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
)
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.injections import (
    cases,
    persistent,
    persistent_and_transient,
    run_cases,
)
from pmcp_conformance.network.operations import (
    WRITES,
    reads,
)


@rule("FLT-11", doors=("address",))
def servers_that_never_answer(trial: Trial) -> None:
    """A server that accepts and never answers ends in BackendError within answer_within."""
    swallowed = persistent_and_transient(Fault.SWALLOW)
    # A write that was carried out and not answered either: its outcome is unknown.
    writes = cases(trial, WRITES, *swallowed, *persistent(Fault.WITHHOLD))
    for case in run_cases(trial, writes + cases(trial, reads(trial, 1), *swallowed)):
        check_answer(trial, case)
