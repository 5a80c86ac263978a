"""FLT-9: equal records of others."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
    check_undoes_nothing,
    demand,
    stored_text,
    write_meanwhile,
)
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.faulty_connection import stored_record
from pmcp_conformance.network.injections import (
    Case,
    persistent_and_transient,
    struck_cases,
)
from pmcp_conformance.network.operations import (
    CREATE,
    OWN_STALE,
    PUT,
    PUT_NEW,
    SWAP,
    Write,
    refusal_of,
    same_error,
)


@rule("FLT-9", doors=("address",))
def equal_records_of_others(trial: Trial) -> None:
    """A write knows itself by a token, not by its value: another's equal record at the same
    version is never taken for one's own.
    """
    meanwhile = partial(write_meanwhile, trial, equal=True)
    makers = (SWAP, CREATE, PUT, PUT_NEW)
    strikes = persistent_and_transient(Fault.CUT_REQUEST)
    for case in struck_cases(trial, OWN_STALE, *strikes):
        check_answer(trial, case)
    for case in struck_cases(trial, makers, *strikes, meanwhile=meanwhile):
        if case.interfered is None:
            continue
        if case.operation.name.startswith("put of"):
            check_undoes_nothing(trial, case)
        else:
            is_refused(trial, case)


def is_refused(trial: Trial, case: Case) -> None:
    """The conditional write, before which another has written, does not claim that it wrote."""
    write, attempt, theirs = case.operation, case.attempt, case.interfered
    assert isinstance(write, Write)
    assert theirs is not None
    refusal = refusal_of(write, theirs.version)
    found = stored_record(trial, write.key)
    holds = attempt.failed or attempt.unknown or same_error(attempt.error, refusal)
    told = f"raises {type(refusal).__name__} or a BackendError, for the equal record is another's"
    whose = "the other's" if found == theirs else stored_text(write, found)
    demand(case, holds and found == theirs, told, f"; the storage holds {whose}")
