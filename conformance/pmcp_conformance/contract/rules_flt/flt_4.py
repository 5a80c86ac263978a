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

    Why: A put that is sent twice wipes out what another worker stored in between and was told is
    safe, or counts its version twice so that everybody else gets a conflict.

    Real bug: redis-py once sent a command again after a socket timeout while the busy server still
    had the first in its buffer: one INCR counted twice.
    (https://github.com/redis/redis-py/issues/261)

    Mend: Switch off the driver's retries for an unconditional write, or keep the base class's _put,
    which reads and swaps. After a lost answer look for your token; if it is not there, raise
    OutcomeUnknownError instead of sending again.
    """
    makers = (PUT_PRESENT, PUT_ABSENT)
    for observation in inject_everywhere(trial, makers, *persistent_and_transient(LOSE_ANSWER)):
        check_answer(trial, observation)
    for observation in inject_everywhere(
        trial, makers, *LOST_ANSWERS, interfere=write_other_record
    ):
        check_undoes_nothing(trial, observation)
