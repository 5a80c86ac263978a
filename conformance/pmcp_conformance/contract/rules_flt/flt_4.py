"""FLT-4: lost answers of puts."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import LOST
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
    check_undoes_nothing,
    write_meanwhile,
)
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.injections import (
    persistent_and_transient,
    struck_cases,
)
from pmcp_conformance.network.operations import (
    PUT,
    PUT_NEW,
)


@rule("FLT-4", doors=("address",))
def lost_answers_of_puts(trial: Trial) -> None:
    """When the answer to an applied put is lost, an acknowledged put has taken effect exactly
    once, and no acknowledged write of another is undone.
    """
    for case in struck_cases(trial, (PUT, PUT_NEW), *persistent_and_transient(Fault.LOSE_ANSWER)):
        check_answer(trial, case)
    overwrite = partial(write_meanwhile, trial, equal=False)
    for case in struck_cases(trial, (PUT, PUT_NEW), *LOST, meanwhile=overwrite):
        if case.interfered is not None:
            check_undoes_nothing(trial, case)
