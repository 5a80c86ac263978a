"""FLT-9: equal records of others."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import (
    check_answer,
    check_undoes_nothing,
    refused_or_failed,
    require,
    stored_text,
)
from pmcp_conformance.network.faults.cut_request import CUT_REQUEST
from pmcp_conformance.network.faulty_connection import stored_record
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
    found = stored_record(trial, write.key)
    holds = refused_or_failed(observation, refusal) and found == theirs
    name = type(refusal).__name__
    expected = f"raises {name} or a BackendError, for the equal record is another client's"
    held = "that record" if found == theirs else stored_text(write, found)
    require(observation, holds, expected, f"; the storage holds {held}")
