"""STORE-7: transitions."""

from __future__ import annotations

import itertools

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    ENDED,
    INPUT,
    WORKING,
    expect_same,
    moves,
    seeded,
)
from pmcp_conformance.engine.expectations import expect_raises, expect_stored
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import InvalidTransitionError, TaskStatus

ALLOWED = {(WORKING, INPUT), (INPUT, WORKING), *itertools.product((WORKING, INPUT), ENDED)}


@rule("STORE-7")
def transitions(trial: Trial) -> None:
    """Exactly the transitions of the state machine succeed, through every operation; a refused one
    raises InvalidTransitionError with both statuses and changes nothing.
    """
    bench = StoreBench(trial)
    for start in TaskStatus:
        owner, store = trial.owner(), bench.store()
        record = seeded(trial, owner, status=start, result="first")
        ends = [end for begin, end in ALLOWED if begin is start]
        for end in set(TaskStatus) - set(ends):
            for move in moves(store, owner, end):
                error = expect_raises(InvalidTransitionError, move)
                told = (error.task_id, error.from_status, error.to_status, set(error.allowed))
                expect_same("the error's facts", ("task", start, end, set(ends)), told)
        expect_stored(trial, record, 1)
        for end in ends:
            for move in moves(store, owner, end):
                store.delete(owner, "task")
                seeded(trial, owner, status=start)
                move()
                expect_same(f"status after {start}", end, store.get(owner, "task").record.status)
