"""FLT-11: servers that never answer."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.network.checks import check_answer
from pmcp_conformance.network.faults.swallow_request import SWALLOW_REQUEST
from pmcp_conformance.network.injections import (
    persistent_and_transient,
    plan_injections,
    run_injections,
)
from pmcp_conformance.network.tested_reads import reads
from pmcp_conformance.network.tested_writes import WRITES


@rule("FLT-11", back_doors=("address",))
def servers_that_never_answer(trial: Trial) -> None:
    """A server that accepts and never answers ends in BackendError within answer_within.

    Why: A server that hangs but keeps its connections open, as in a failover or behind a firewall,
    blocks one worker after another. The client waits for ever for a task's status.

    Real bug: ioredis waited without end for a server that accepted the connection and never
    answered; a netcat listener was enough to reproduce it.
    (https://github.com/redis/ioredis/issues/634)

    Mend: Give each answer a timeout on the client's side (socket_timeout, read_timeout), not only
    connecting; statement_timeout of a dead server helps nobody. A read that times out is
    BackendError, a write OutcomeUnknownError.
    """
    swallowed = persistent_and_transient(SWALLOW_REQUEST)
    of_writes = plan_injections(trial, WRITES, *swallowed)
    of_reads = plan_injections(trial, reads(trial, 1), *swallowed)
    for observation in run_injections(trial, of_writes + of_reads):
        check_answer(trial, observation)
