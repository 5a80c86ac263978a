"""CON-12: contention makes progress."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import CONTENDERS, Incrementer, contend
from pmcp_conformance.engine.attempt import raise_unexpected
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_raises, expect_returns
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
)


@rule("CON-12")
def contention_makes_progress(trial: Trial) -> None:
    """Contention makes progress: 8 contenders finish 5 optimistic increments each within a bounded
    number of attempts.
    """
    handles = [trial.backend, *([trial.open()] if trial.target.shared else [])]
    for refused, writer in product(handles, handles):
        refusals_block_nobody(trial, refused, writer)
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
