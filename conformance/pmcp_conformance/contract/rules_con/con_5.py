"""CON-5: one deletion wins."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_con.support import (
    CONTENDERS,
    ROUNDS,
    check_exactly_one,
    contend,
    succeeded,
)
from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_absent
from pmcp_conformance.interleaving.exploration import explore_overlaps


@rule("CON-5")
def one_deletion_wins(trial: Trial) -> None:
    """Of many concurrent deletes of one key exactly one returns True.

    Why: Who got True cleans up after the task: frees a slot of a quota, stops a job, bills. If two
    get True, that happens twice.

    Real bug: Eloquent's Model::delete() in Laravel returned true to both of two processes that
    deleted the same row, though the database reported one deleted row to only one of them.
    (https://github.com/laravel/framework/issues/30187)

    Mend: Take the answer from the delete itself: its own row count, the DEL reply, or the old item
    it returns. No look-up before it, and not a count that belongs to the whole connection.
    """
    owner = trial.owner()
    spread = contenders(trial, CONTENDERS)

    def deletes(key: str) -> list[Call]:
        trial.store_record(owner, key)
        return [partial(handle.delete, owner, key) for handle in spread]

    def check(key: str, attempts: list[Attempt]) -> None:
        winners = [attempt for attempt in succeeded(attempts) if attempt.result]
        check_exactly_one(attempts, winners)
        if winners:
            expect_absent(trial, owner, key)

    explore_overlaps(trial, lambda key: deletes(key)[:2], check)
    for number in range(ROUNDS):
        key = f"round {number}"
        check(key, contend(trial, number, deletes(key)))
