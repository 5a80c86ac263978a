"""FLT-10: errors while reading."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
)
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.injections import (
    Case,
    cases,
    persistent,
    persistent_and_transient,
    run_cases,
    transient,
)
from pmcp_conformance.network.operations import (
    overwritten_reads,
    reads,
)


@rule("FLT-10", doors=("address",))
def errors_while_reading(trial: Trial) -> None:
    """An error while reading is an error: never an absent record, an empty or a shortened
    listing.
    """
    quick = (Fault.REFUSE, Fault.CUT_REQUEST, Fault.LOSE_ANSWER, Fault.CUT_ANSWER, Fault.GARBLE)
    again = [
        Case(read, fault, at=1, of=1, lasts=True)
        for fault in (Fault.SWALLOW, Fault.REFUSE, Fault.LOSE_ANSWER, Fault.GARBLE)
        for read in overwritten_reads(trial)
    ]
    waiting = (*persistent(Fault.SWALLOW), *transient(Fault.WITHHOLD, Fault.STALL))
    # More records than iter_by_owner asks for at a time, and more bytes than some storages send.
    many = cases(trial, reads(trial, 101), *waiting, *persistent_and_transient(*quick))
    large = reads(trial, 4, trial.target.max_record_bytes)
    long = cases(trial, large, *persistent(Fault.REFUSE, Fault.GARBLE))
    for case in run_cases(trial, again + many + long):
        check_answer(trial, case)
