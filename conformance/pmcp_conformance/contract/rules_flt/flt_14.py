"""FLT-14: reads that the server refuses."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.checks import check_answer, require
from pmcp_conformance.network.faulty_connection import (
    FaultyConnection,
    run_concurrently,
    stored_record,
)
from pmcp_conformance.network.injections import (
    FaultSpec,
    Observation,
    lasting,
    plan_injections,
    run_injections,
)
from pmcp_conformance.network.refusals import refusals_of
from pmcp_conformance.network.tested_reads import reads
from pmcp_storage import BackendError, CorruptRecordError

_LOOKS = 8
"""Looks for a record that another cleanup may be removing."""

_PAUSE = 0.1
"""Seconds between two of them."""


@rule("FLT-14", back_doors=("address", "refusals"), since="1.1")
def reads_that_the_server_refuses(trial: Trial) -> None:
    """A read or a cleanup that the server refuses (throttled, starting, out of memory) raises
    BackendError: never an absent record, a corrupt one, a shortened listing or too low a count.

    Why: A server that is throttled, starting or out of memory still answers, by an error. Whoever
    takes that for 'nothing there' tells a client that its task does not exist, lets a quota pass,
    or hands a sound record to somebody who deletes corrupt ones.

    Real bug: A user of PynamoDB reported that batch_get swallowed the error of a table whose read
    capacity was exceeded, and returned a generator without the records.
    (https://github.com/pynamodb/PynamoDB/issues/436)

    Mend: Look at an answer's kind before its content: in a pipeline's results errors stand among
    the values. Catch the driver's base exception around each page of a listing and around the
    cleanup, raise BackendError from it, and derive absence from a successful answer only.
    """
    faults = refusals_of(trial.target)
    injections = plan_injections(trial, reads(trial, 3), *lasting(*faults))
    # More records than iter_by_owner asks for at a time, and more bytes than some storages send.
    for several_pages in (reads(trial, 101), reads(trial, 4, trial.target.max_record_bytes)):
        injections += plan_injections(trial, several_pages, *lasting(faults[0]))
    for observation in run_injections(trial, injections):
        check_answer(trial, observation)
        check_not_corrupt(observation)
    if not trial.target.native_expiry:
        run_concurrently(partial(cleanup_is_refused, trial, spec) for spec in lasting(*faults))


def check_not_corrupt(observation: Observation) -> None:
    """The refusal is not taken for a record that cannot be read, which somebody might delete."""
    corrupt = isinstance(observation.attempt.error, CorruptRecordError)
    require(observation, not corrupt, "raises a BackendError that blames no record")


def cleanup_is_refused(trial: Trial, spec: FaultSpec) -> None:
    """A cleanup that returns has removed what has expired; one that cannot says so."""
    owner = trial.owner()
    trial.store_record(owner, expires_at=datetime.now(UTC) - HOUR)
    with FaultyConnection(trial) as connection:
        # On a connection that is there, so that it is the cleanup itself that is refused.
        connection.call(lambda handle: handle.list_by_owner(owner))
        connection.proxy.inject(spec.schedule(1))
        attempt = connection.call(lambda handle: handle.cleanup_expired())
    done = attempt.error is None and _is_gone(trial, owner)
    if not done and not isinstance(attempt.error, BackendError):
        expected = f"cleanup_expired raises BackendError where {spec.fault.description}"
        raise Violation(expected, f"it {attempt}", connection.recording.shown())


def _is_gone(trial: Trial, owner: str) -> bool:
    """Whether the record has been removed, if only by the cleanup of another run on the same table.

    A cleanup may rightly leave a row to another one that is removing it at that moment.
    """
    for _ in range(_LOOKS):
        if stored_record(trial, (owner, "task")) is None:
            return True
        time.sleep(_PAUSE)
    return False
