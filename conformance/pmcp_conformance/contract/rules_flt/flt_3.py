"""FLT-3: lost answers of conditional writes."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import LOST
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.answers import (
    agrees,
    deletes_meanwhile,
    knows_itself,
    writes_meanwhile,
)
from pmcp_conformance.network.cases import (
    just_once,
    struck_cases,
)
from pmcp_conformance.network.faults import Fault
from pmcp_conformance.network.operations import (
    CREATE,
    SWAP,
)


@rule("FLT-3", back_doors=("address",))
def lost_answers_of_conditional_writes(trial: Trial) -> None:
    """When the answer to an applied put_if_version or create is lost, the call succeeds or raises
    OutcomeUnknownError: never a conflict with itself, an already-exists or a not-found.
    """
    for case in struck_cases(trial, (SWAP, CREATE), *LOST):
        agrees(trial, case)
    lost = just_once(Fault.LOSE_ANSWER)
    for meanwhile in (partial(writes_meanwhile, equal=False), deletes_meanwhile):
        others = partial(meanwhile, trial)
        for case in struck_cases(trial, (SWAP, CREATE), *lost, meanwhile=others):
            knows_itself(trial, case)
