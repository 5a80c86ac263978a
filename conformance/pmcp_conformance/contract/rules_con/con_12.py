"""CON-12: contention makes progress."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations, product

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import CONTENDERS, Incrementer, contend
from pmcp_conformance.engine.attempt import Call, raise_unexpected
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_raises, expect_returns
from pmcp_conformance.interleaving.exploration import explore_crossings
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.interleaving.yield_points import YieldPointKind
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    StorageBackend,
)

_RECORDS = 5
"""Of an owner, whose locks are taken in one order or another."""

_SECONDS = 0.1
"""For a pair of operations, where one takes milliseconds."""


@rule("CON-12")
def contention_makes_progress(trial: Trial) -> None:
    """Contention makes progress: 8 contenders finish 5 optimistic increments each within a bounded
    number of attempts.

    Why: Under load nobody gets on: all contenders refuse each other or wait for a lock that nobody
    holds any longer, and tasks stand still until a restart.

    Real bug: An application with a retry harness of its own for CockroachDB ran into a livelock: it
    repeated its conflicting transactions without end.
    (https://github.com/cockroachdb/cockroach/issues/9878)

    Mend: Release locks by `with` or finally, on the refusing and the not-found path as well. One of
    two contenders must always win: no mutual backing off, and do not count conflicts as failures in
    a circuit breaker.
    """
    handles = [trial.backend, *([trial.open()] if trial.target.shared else [])]
    for refused, writer in product(handles, handles):
        refusals_block_nobody(trial, refused, writer)
    operations_on_many_records(trial)
    for number in range(3 if is_fast(trial) else 1):
        race_of_incrementers(trial, 12 + number)


def refusals_block_nobody(trial: Trial, handle: RecordedBackend, writer: RecordedBackend) -> None:
    """Whatever has been refused to a thread with one handle, the next write with one succeeds.

    A lock that a refusal leaves taken, also one that its own thread may take again, is found by
    this without any race.
    """
    owner = trial.owner()
    record, absent = trial.store_record(owner), trial.record(owner, "absent")
    refusals: list[tuple[type[Exception], Callable[[], object]]] = [
        (ConcurrentModificationError, partial(handle.put_if_version, record, 99)),
        (NotFoundError, partial(handle.put_if_version, absent, 1)),
        (AlreadyExistsError, partial(handle.create, record)),
        (NotFoundError, partial(handle.get, owner, "absent")),
    ]
    for version, (error, call) in enumerate(refusals, start=1):
        raise_unexpected(call_simultaneously(trial.watchdog, [partial(expect_raises, error, call)]))
        expect_returns(version + 1, writer.put_if_version, trial.record(owner), version)


def operations_on_many_records(trial: Trial) -> None:
    """Two operations that each come to several records, or write one, meet at each yield point:
    neither waits for the other for ever, as where each takes locks in an order of its own."""
    one, other = contenders(trial, 2)
    owner = trial.owner()
    ids = [f"t{number}" for number in range(_RECORDS)]
    for task_id in ids:
        trial.store_record(owner, task_id)

    def calls(handle: StorageBackend, key: str) -> dict[str, Call]:
        return {
            "put": partial(handle.put, trial.record(owner, ids[-1])),
            "delete": partial(handle.delete, owner, key),
            "listing": partial(handle.list_by_owner, owner),
            "cleanup": handle.cleanup_expired,
        }

    for first, second in permutations(calls(one, ""), 2):
        explore_crossings(
            trial,
            lambda key, first=first, second=second: (  # type: ignore[misc]
                calls(one, key)[first],
                calls(other, key)[second],
            ),
            lambda _, attempts: raise_unexpected(attempts),
            within=_SECONDS,
            kinds=(YieldPointKind.AWAIT, YieldPointKind.LINE),  # a lock is taken by a line
        )


def race_of_incrementers(trial: Trial, seed: int) -> None:
    """All finish, and none of them needs more attempts than others can have been in its way."""
    owner = trial.owner()
    trial.store_record(owner, variables={"counter": 0})
    workers = [Incrementer(trial, owner, handle) for handle in contenders(trial, CONTENDERS)]
    attempts = contend(trial, seed, [partial(worker.increment, 5) for worker in workers])
    raise_unexpected(attempts)
    # Each refusal is due to another's success since the read, and there are 35 of those.
    bound = 5 * (CONTENDERS - 1) + 1
    most = max((tries for worker in workers for tries in worker.attempts), default=0)
    finished = all(len(worker.attempts) == 5 for worker in workers)
    observed = f"{most} attempts for one increment, all finished: {finished}"
    expect(finished and most <= bound, f"at most {bound} attempts an increment", observed)
