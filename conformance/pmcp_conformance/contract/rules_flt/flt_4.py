"""FLT-4: lost answers of puts."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import LOST_ANSWERS
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer, check_undoes_nothing
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.injections import inject_everywhere, persistent_and_transient
from pmcp_conformance.network.interference import write_other_record
from pmcp_conformance.network.tested_writes import PUT_ABSENT, PUT_PRESENT


@rule("FLT-4", back_doors=("address",))
def lost_answers_of_puts(trial: Trial) -> None:
    """When the answer to an applied put is lost, an acknowledged put has taken effect exactly
    once, and no acknowledged write of another is undone.
    """
    makers = (PUT_PRESENT, PUT_ABSENT)
    for observation in inject_everywhere(trial, makers, *persistent_and_transient(LOSE_ANSWER)):
        check_answer(trial, observation)
    for observation in inject_everywhere(
        trial, makers, *LOST_ANSWERS, interfere=write_other_record
    ):
        check_undoes_nothing(trial, observation)
