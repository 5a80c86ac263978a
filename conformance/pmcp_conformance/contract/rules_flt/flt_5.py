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

    Why: The user deletes a task, it is gone, and the answer is an error that says it is still there
    or never was. A client that trusts it goes on working with a task that no longer exists.

    Real bug: In Apache Beam, deleting files from Google Cloud Storage could fail with 404: an
    earlier attempt had succeeded, its response was lost, and the repeat found nothing.
    (https://github.com/apache/beam/pull/3810)

    Mend: Once one attempt may have arrived without an answer, a repeat that finds nothing cannot
    say who removed the record: raise OutcomeUnknownError, unless the answer proves that this call
    did it. Never BackendError or NotFoundError.
    """
    for observation in inject_everywhere(trial, (DELETE_PRESENT,), *LOST_ANSWERS):
        check_answer(trial, observation)
