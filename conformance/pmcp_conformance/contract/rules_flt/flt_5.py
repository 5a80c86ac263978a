"""FLT-5: lost answers of deletes."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import LOST
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
)
from pmcp_conformance.network.injections import (
    struck_cases,
)
from pmcp_conformance.network.operations import (
    DELETE,
)


@rule("FLT-5", doors=("address",))
def lost_answers_of_deletes(trial: Trial) -> None:
    """When the answer to an applied delete is lost, the record is gone and the call returns, or
    raises OutcomeUnknownError.
    """
    for case in struck_cases(trial, (DELETE,), *LOST):
        check_answer(trial, case)
