"""CON-2: increments are not lost."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import Incrementer, check_counter
from pmcp_conformance.contract.support import race_numbers
from pmcp_conformance.engine.attempt import raise_unexpected
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.preemption import preempting
from pmcp_conformance.interleaving.simultaneous import call_simultaneously


@rule("CON-2")
def increments_are_not_lost(trial: Trial) -> None:
    """Optimistic increments by many workers lose nothing: counter, version and number of successes
    agree.

    Why: Progress that workers report at the same time disappears although each was told that it is
    stored: a counter of finished parts never reaches its end, and the task hangs.

    Real bug: Clients of ArcadeDB that incremented a counter over HTTP at the same time got success
    for every request, while the stored value was lower than the number of successes.
    (https://github.com/ArcadeData/arcadedb/issues/5227)

    Mend: Never repeat a refused write with the version found meanwhile, and never acknowledge one
    that the database rolled back. After a serialization failure send the same statement with the
    same expected version, or report the conflict.
    """
    for number in race_numbers(trial, 3 if is_fast(trial) else 1):
        check_increments(trial, 2 + number)


def check_increments(trial: Trial, seed: int) -> None:
    """Four workers, eight increments each; then counter, version and successes are compared."""
    owner = trial.owner()
    trial.store_record(owner, variables={"counter": 0})
    workers = [Incrementer(trial, owner, handle) for handle in contenders(trial, 4)]
    with preempting(trial, seed):
        attempts = call_simultaneously(
            trial.watchdog, [partial(worker.increment, 8) for worker in workers]
        )
    raise_unexpected(attempts)
    successes = sum(worker.successes for worker in workers)
    unknown = sum(worker.unknown for worker in workers)
    check_counter(trial, owner, "task", successes, unknown)
