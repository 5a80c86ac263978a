"""FLT-3: lost answers of conditional writes."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import LOST_ANSWERS
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer, check_recognizes_own_write
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.injections import inject_everywhere, transient
from pmcp_conformance.network.interference import (
    Interfere,
    delete_what_it_wrote,
    write_other_record,
)
from pmcp_conformance.network.tested_writes import CREATE, PUT_IF_VERSION

_INTERFERENCES: tuple[Interfere, ...] = (write_other_record, delete_what_it_wrote)


@rule("FLT-3", back_doors=("address",))
def lost_answers_of_conditional_writes(trial: Trial) -> None:
    """When the answer to an applied put_if_version or create is lost, the call succeeds or raises
    OutcomeUnknownError: never a conflict with itself, an already-exists or a not-found.

    Why: The worker's own result is stored, yet it is told that somebody else was faster, so it
    discards its work or starts again. A create that succeeded is reported to the user as a
    duplicate.

    Real bug: AWS' Java SDK repeats a conditional S3 PutObject whose answer was lost, and fails with
    412 Precondition Failed because of the object that its own first attempt has created.
    (https://github.com/aws/aws-sdk-java-v2/issues/6580)

    Mend: Store a fresh token with each call and keep it for all its attempts. If a repeat is
    refused, read the row: your token means success; otherwise raise OutcomeUnknownError, unless no
    earlier attempt can have been applied. Know your driver's hidden retries.
    """
    makers = (PUT_IF_VERSION, CREATE)
    for observation in inject_everywhere(trial, makers, *LOST_ANSWERS):
        check_answer(trial, observation)
    lost = transient(LOSE_ANSWER)
    for interfere in _INTERFERENCES:
        for observation in inject_everywhere(trial, makers, *lost, interfere=interfere):
            check_recognizes_own_write(trial, observation)
