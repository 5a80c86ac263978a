"""FLT-3: lost answers of conditional writes."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import LOST
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
    check_recognizes_own_write,
    delete_meanwhile,
    write_meanwhile,
)
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.injections import (
    struck_cases,
    transient,
)
from pmcp_conformance.network.operations import (
    CREATE,
    SWAP,
)


@rule("FLT-3", doors=("address",))
def lost_answers_of_conditional_writes(trial: Trial) -> None:
    """When the answer to an applied put_if_version or create is lost, the call succeeds or raises
    OutcomeUnknownError: never a conflict with itself, an already-exists or a not-found.
    """
    for case in struck_cases(trial, (SWAP, CREATE), *LOST):
        check_answer(trial, case)
    lost = transient(Fault.LOSE_ANSWER)
    for meanwhile in (partial(write_meanwhile, equal=False), delete_meanwhile):
        others = partial(meanwhile, trial)
        for case in struck_cases(trial, (SWAP, CREATE), *lost, meanwhile=others):
            check_recognizes_own_write(trial, case)
