"""CON-4: one creation wins."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import (
    CONTENDERS,
    ROUNDS,
    check_exactly_one,
    check_winner_stored,
    contend,
    succeeded,
)
from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import explore_overlaps
from pmcp_storage import (
    AlreadyExistsError,
    StorageBackend,
)


@rule("CON-4")
def one_creation_wins(trial: Trial) -> None:
    """Of many concurrent creations of one key exactly one succeeds."""
    spread = contenders(trial, CONTENDERS)

    def creates(key: str) -> list[partial[int]]:
        owner = trial.owner()  # a fresh one, of which the storage has not even a lock
        return [partial(handle.create, trial.record(owner, key)) for handle in spread]

    def check(_: str, attempts: list[Attempt]) -> None:
        check_exactly_one(attempts, succeeded(attempts, AlreadyExistsError))

    explore_overlaps(trial, lambda key: creates(key)[:2], check)
    if is_fast(trial):  # no transport, which may repeat a delete around another's creation
        one, other = spread[:2]
        explore_overlaps(trial, partial(creation_and_recreation, trial, one, other), check)
    for number in range(ROUNDS):
        calls = creates(key := f"round {number}")
        attempts = contend(trial, number, calls)
        check(key, attempts)
        check_winner_stored(trial, calls, attempts, 1)


def creation_and_recreation(
    trial: Trial, one: StorageBackend, other: StorageBackend, key: str
) -> list[Call]:
    """A creation, and somebody else who deletes the owner's only record and creates it anew.

    What belongs to the owner, such as a lock, may go with the record, while others wait for it.
    """
    owner = trial.owner()
    trial.store_record(owner, key)
    records = [trial.record(owner, key) for _ in range(2)]

    def recreate() -> int:
        other.delete(owner, key)
        return other.create(records[1])

    return [partial(one.create, records[0]), recreate]
