"""FLT-1: storage that cannot be reached."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_flt.support import answer_time, require_works
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.network.faulty_connection import FaultyConnection, run_concurrently
from pmcp_conformance.network.tested_operations import Read, ReadOrWrite
from pmcp_conformance.network.tested_reads import reads
from pmcp_conformance.network.tested_writes import WRITES
from pmcp_storage import BackendError


@rule("FLT-1", back_doors=("address",))
def storage_that_cannot_be_reached(trial: Trial) -> None:
    """Storage that cannot be reached raises BackendError within answer_within.

    Why: While the storage is down, requests pile up behind calls that never return, until the whole
    server stops answering, also to those who need no storage. Or the driver's exception crashes the
    handler.

    Real bug: With its offline queue and reconnecting on, ioredis tried to reach a dead server
    without end, and the promises of waiting commands were neither resolved nor rejected.
    (https://github.com/redis/ioredis/issues/285)

    Mend: Set a connect timeout, and bound attempts and pauses so that all of them fit into
    answer_within. Translate the driver's connection errors into BackendError in every operation,
    cleanup_expired too.
    """
    # Each of them twice: by a fresh handle, and by one that has worked on this owner before.
    operations = [maker(trial) for maker in (*WRITES, *reads(trial, 1)) for _ in range(2)]
    if not trial.target.native_expiry:
        operations += [Read("cleanup_expired", lambda handle: handle.cleanup_expired(), 0)] * 2
    warmed_up = trial.owner()
    jobs = [
        partial(unreachable, trial, operation, warmed_up if number % 2 else None)
        for number, operation in enumerate(operations)
    ]
    run_concurrently(jobs)


def unreachable(trial: Trial, operation: ReadOrWrite, warmed_up: str | None) -> None:
    """The operation fails by a fresh handle, or by one that has worked on this owner before."""
    with FaultyConnection(trial) as connection:
        if warmed_up is not None:
            require_works(connection, lambda handle: handle.list_by_owner(warmed_up))
        connection.proxy.refuse()
        attempt = connection.call(operation.run)
        handle = "a handle that worked before" if warmed_up else "a fresh handle"
        expected = f"{operation.name} by {handle}, all connections refused: BackendError "
        expected += answer_time(trial)
        if not isinstance(attempt.error, BackendError):
            raise Violation(expected, f"it {attempt}", connection.recording.shown())
