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
    """Of many concurrent deletes of one key exactly one returns True."""
    owner = trial.owner()
    spread = contenders(trial, CONTENDERS)

    def deletes(key: str) -> list[Call]:
        trial.store_record(owner, key)
        return [partial(handle.delete, owner, key) for handle in spread]

    def check(key: str, attempts: list[Attempt]) -> None:
        check_exactly_one(attempts, [attempt for attempt in succeeded(attempts) if attempt.result])
        expect_absent(trial, owner, key)

    explore_overlaps(trial, lambda key: deletes(key)[:2], check)
    for number in range(ROUNDS):
        key = f"round {number}"
        check(key, contend(trial, number, deletes(key)))
