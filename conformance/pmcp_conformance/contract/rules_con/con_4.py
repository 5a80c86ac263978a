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
    racing_record,
    succeeded,
)
from pmcp_conformance.contract.support import race_numbers
from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import explore_overlaps
from pmcp_storage import AlreadyExistsError, StorageBackend


@rule("CON-4")
def one_creation_wins(trial: Trial) -> None:
    """Of many concurrent creations of one key exactly one succeeds.

    Why: Two clients submit the same task id and both are told that it is theirs: work runs twice
    and one request's variables replace the other's. If all give up, nobody's is stored.

    Real bug: Rails' find_or_create selected first and inserted then, so concurrent requests could
    run into the same race as with a uniqueness validation.
    (https://github.com/rails/rails/pull/10670)

    Mend: Let the storage decide: a primary key with INSERT … ON CONFLICT DO NOTHING and the row
    count, attribute_not_exists, SET NX, open mode 'x'. Do not look first, and do not create by the
    upsert that put uses.
    """
    spread = contenders(trial, CONTENDERS)

    def creates(key: str, race: int = 1) -> list[partial[int]]:
        owner = trial.owner()  # a fresh one, of which the storage has not even a lock
        return [partial(handle.create, racing_record(trial, owner, key, race)) for handle in spread]

    def check(_: str, attempts: list[Attempt]) -> None:
        check_exactly_one(attempts, succeeded(attempts, AlreadyExistsError))

    def check_recreated(key: str, attempts: list[Attempt]) -> None:
        if not any(attempt.failed for attempt in attempts):
            check(key, attempts)

    explore_overlaps(trial, lambda key: creates(key)[:2], check)
    if is_fast(trial) and not trial.target.offers("address"):
        # A client that repeats a delete whose answer was lost may remove another's creation by it.
        one, other = spread[:2]
        pair = partial(creation_and_recreation, trial, one, other)
        explore_overlaps(trial, pair, check_recreated)
    for number in race_numbers(trial, ROUNDS):
        calls = creates(key := f"round {number}", number)
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

    def delete_and_create() -> int:
        other.delete(owner, key)
        return other.create(records[1])

    return [partial(one.create, records[0]), delete_and_create]
