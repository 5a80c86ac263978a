"""FLT-15: writes that the server refuses."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer, require, stored_text
from pmcp_conformance.network.faulty_connection import stored_record
from pmcp_conformance.network.injections import (
    Observation,
    inject_everywhere,
    lasting,
    run_injections,
    transient,
)
from pmcp_conformance.network.refusals import refusals_of
from pmcp_conformance.network.tested_writes import WRITES
from pmcp_storage import StorageFullError

_OFTEN_PASSING = 2
"""Of a target's refusals, as many pass by the next exchange once more: the first ones."""

_AGAIN = 2
"""Further refusals before an outcome that is called unknown is a finding."""


@rule("FLT-15", back_doors=("address", "refusals"), since="1.1")
def writes_that_the_server_refuses(trial: Trial) -> None:
    """A write that the server refuses (throttled, out of memory, read-only, a deadlock) raises
    BackendError or StorageFullError, not OutcomeUnknownError, and has written nothing: never a
    success, a conflict or an absence.

    Why: A refusal is the one failure after which the caller knows for sure that nothing was
    written, and may simply try again later. Called a success, the task's step is lost; called a
    conflict, the worker drops its result; called unknown, everybody has to read and decide.

    Real bug: The batch_write of boto's dynamodb2 module raised nothing when the provisioned
    throughput was exceeded: the write failed silently, and the errors could be seen in a log only.
    (https://github.com/boto/boto/issues/1566)

    Mend: Sort the server's error codes in one table: throttled, read-only, deadlock and
    serialization failure are BackendError, out of space is StorageFullError, and only a failed
    condition is a conflict. An error of COMMIT by which the server says that it has rolled back is
    a refusal; look into UnprocessedItems and row counts before you report success.
    """
    faults = refusals_of(trial.target)
    specs = (*lasting(*faults), *transient(*faults[:_OFTEN_PASSING]))
    for observation in inject_everywhere(trial, WRITES, *specs):
        if isinstance(observation.attempt.error, StorageFullError):
            check_nothing_written(trial, observation)
        else:
            check_answer(trial, observation)
            check_not_called_unknown(trial, observation)


def check_nothing_written(trial: Trial, observation: Observation) -> None:
    """A write that found the storage full has left it as it was."""
    write = observation.injection.write
    found = stored_record(trial, write.key)
    details = f"; the storage holds {stored_text(write, found)}"
    require(observation, found == write.former, "raises an error having written nothing", details)


def check_not_called_unknown(trial: Trial, observation: Observation) -> None:
    """A write of which nothing was done is not in doubt: the server has said so.

    On a busy machine a refusal may come too late for its client, which then is in doubt with good
    reason. So it is a finding if it is in doubt each time.
    """
    if is_needlessly_unknown(trial, observation):
        again = [observation.injection.made_anew(trial) for _ in range(_AGAIN)]
        if all(is_needlessly_unknown(trial, other) for other in run_injections(trial, again)):
            require(observation, False, "raises no OutcomeUnknownError, for nothing was written")


def is_needlessly_unknown(trial: Trial, observation: Observation) -> bool:
    write = observation.injection.write
    return observation.attempt.unknown and stored_record(trial, write.key) == write.former
