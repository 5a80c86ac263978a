"""FLT-5: lost answers of deletes."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import LOST_ANSWERS
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer
from pmcp_conformance.network.injections import inject_everywhere
from pmcp_conformance.network.tested_writes import DELETE_PRESENT


@rule("FLT-5", back_doors=("address",))
def lost_answers_of_deletes(trial: Trial) -> None:
    """When the answer to an applied delete is lost, the record is gone and the call returns, or
    raises OutcomeUnknownError.
    """
    for observation in inject_everywhere(trial, (DELETE_PRESENT,), *LOST_ANSWERS):
        check_answer(trial, observation)
