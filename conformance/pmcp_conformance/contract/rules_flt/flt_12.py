"""FLT-12: writes that may have been applied."""

from __future__ import annotations

import time
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import cut_off
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer, check_failure
from pmcp_conformance.network.faults.crash_before_answer import CRASH_BEFORE_ANSWER
from pmcp_conformance.network.faults.hold_request import HOLD_REQUEST
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.faults.withhold_answer import WITHHOLD_ANSWER
from pmcp_conformance.network.faulty_connection import FaultyConnection, run_concurrently
from pmcp_conformance.network.injections import (
    Injection,
    Observation,
    inject_everywhere,
    persistent,
    transient,
)
from pmcp_conformance.network.schedules import always
from pmcp_conformance.network.tested_operations import Write
from pmcp_conformance.network.tested_writes import WRITES

_ABSENCES = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08)
"""Seconds for which the storage is away: about as long as clients wait for a second attempt."""


@rule("FLT-12", back_doors=("address",))
def writes_that_may_have_been_applied(trial: Trial) -> None:
    """A write that fails and may have been applied raises OutcomeUnknownError; every other error
    means that nothing was written.

    Why: Told that nothing was written, the caller does it again: a second task, a second charge.
    The truth, that it is unknown, would have made it read first.

    Real bug: Entity Framework Core's execution strategy retries by default when a commit fails, as
    if it had been rolled back; where it was not, that can insert the same row twice.
    (https://github.com/dotnet/efcore/issues/22904)

    Mend: BackendError of a write only with proof: nothing was sent, or the server refused it.
    Anything that may have reached the server, an error of COMMIT included, is OutcomeUnknownError
    unless the row shows your token; a row that is still the old one proves nothing, for the request
    may be on its way. Judge all attempts, not the last one.
    """
    faults = persistent(LOSE_ANSWER, CRASH_BEFORE_ANSWER, WITHHOLD_ANSWER)
    for observation in inject_everywhere(trial, WRITES, *faults):
        check_answer(trial, observation)
    for observation in inject_everywhere(trial, WRITES, *transient(HOLD_REQUEST)):
        check_failure(trial, observation)
    jobs = [
        partial(crashes_between_refusals, trial, maker(trial), absence)
        for absence in _ABSENCES
        for maker in WRITES
    ]
    run_concurrently(jobs)


def crashes_between_refusals(trial: Trial, write: Write, absence: float) -> None:
    """A first attempt finds the storage away, the next one is carried out and loses its answer, and
    those after it find the storage away again."""

    def come_back() -> None:
        time.sleep(absence)
        connection.note("the storage is back")
        connection.proxy.mend()
        connection.proxy.inject(always(CRASH_BEFORE_ANSWER))

    with FaultyConnection(trial) as connection:
        cut_off(connection, write)
        attempt = connection.call(write.run, meanwhile=come_back)
        (fault,) = persistent(CRASH_BEFORE_ANSWER)
        check_answer(trial, Observation(Injection(write, fault), attempt, connection.recording))
