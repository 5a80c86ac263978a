"""FLT-2: requests that never arrive."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer
from pmcp_conformance.network.faults.cut_request import CUT_REQUEST
from pmcp_conformance.network.injections import inject_everywhere, persistent_and_transient
from pmcp_conformance.network.tested_writes import DELETE_ABSENT, WRITES


@rule("FLT-2", back_doors=("address",))
def requests_that_never_arrive(trial: Trial) -> None:
    """A connection cut before the request arrives leaves the stored state as the answer says.

    Why: The server tells the client 'task created' or 'result stored', and it never was: the
    connection broke first. Nobody retries what has been confirmed.

    Real bug: MongoDB 2.4.3 lost acknowledged writes even at write concern MAJORITY: on a network
    error it returned success to the client. (https://aphyr.com/tags/MongoDB)

    Mend: Return only after reading the server's answer to this very write; no fire-and-forget, no
    pipeline whose answers nobody reads. Let errors pass through, and let a repeated delete that
    finds nothing raise OutcomeUnknownError, not return True.
    """
    faults = persistent_and_transient(CUT_REQUEST)
    for observation in inject_everywhere(trial, (*WRITES, DELETE_ABSENT), *faults):
        check_answer(trial, observation)
