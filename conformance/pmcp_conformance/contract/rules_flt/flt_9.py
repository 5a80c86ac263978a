"""FLT-9: equal records of others."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
    check_undoes_nothing,
    refused_or_failed,
    require,
    stored,
    stored_text,
)
from pmcp_conformance.network.faults.cut_request import CUT_REQUEST
from pmcp_conformance.network.injections import (
    Observation,
    inject_everywhere,
    persistent_and_transient,
)
from pmcp_conformance.network.interference import write_equal_record
from pmcp_conformance.network.tested_operations import WriteKind, refusal_of
from pmcp_conformance.network.tested_writes import (
    CREATE,
    PUT_ABSENT,
    PUT_IF_VERSION,
    PUT_PRESENT,
    STALE_AFTER_OWN_WRITE,
)


@rule("FLT-9", back_doors=("address",))
def equal_records_of_others(trial: Trial) -> None:
    """A write recognizes itself by a token, not by its value: another's equal record at the same
    version is never taken for one's own.

    Why: Two workers write the same progress at the same moment. If one takes the other's write for
    its own, both believe that they hold the task, and the step that follows is done twice.

    Real bug: Trino could not tell its own S3 object from another writer's by the ETag, which comes
    from the content; a fix tagged each object with a random value and checked that after a retried
    request. (https://github.com/trinodb/trino/pull/27388)

    Mend: Put a fresh random token (uuid4) into the row with each call, not one per handle, and
    compare that. Neither an equal value nor the version expected + 1 proves anything.
    """
    faults = persistent_and_transient(CUT_REQUEST)
    for observation in inject_everywhere(trial, STALE_AFTER_OWN_WRITE, *faults):
        check_answer(trial, observation)
    makers = (PUT_IF_VERSION, CREATE, PUT_PRESENT, PUT_ABSENT)
    for observation in inject_everywhere(trial, makers, *faults, interfere=write_equal_record):
        if observation.injection.write.kind is WriteKind.PUT:
            check_undoes_nothing(trial, observation)
        else:
            check_claims_nothing(trial, observation)


def check_claims_nothing(trial: Trial, observation: Observation) -> None:
    """The conditional write, before which another has written, does not claim that it wrote."""
    if observation.interference is None or observation.interference.written is None:
        return
    theirs = observation.interference.written
    write = observation.injection.write
    refusal = refusal_of(write, theirs.version)
    found = stored(trial, write.key)
    holds = refused_or_failed(observation, refusal) and found == theirs
    name = type(refusal).__name__
    expected = f"raises {name} or a BackendError, for the equal record is another client's"
    held = "that record" if found == theirs else stored_text(write, found)
    require(observation, holds, expected, f"; the storage holds {held}")
