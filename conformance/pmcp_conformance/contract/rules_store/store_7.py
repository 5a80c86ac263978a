"""STORE-7: every transition from every status, by every operation that changes it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    CANCELLED,
    ENDED,
    INPUT,
    WORKING,
    expect_same,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_stored
from pmcp_storage import GenericTaskStore, InvalidTransitionError, TaskStatus

ALLOWED = {(WORKING, INPUT), (INPUT, WORKING), *itertools.product((WORKING, INPUT), ENDED)}


@rule("STORE-7")
def transitions(trial: Trial) -> None:
    """Exactly the transitions of the state machine succeed, through every operation; a refused one
    raises InvalidTransitionError with both statuses and changes nothing.
    """
    bench = StoreBench(trial)
    for start in TaskStatus:
        owner = trial.owner()
        store = bench.store()
        record = seed_task(trial, owner, status=start, result="first")
        ends = [end for begin, end in ALLOWED if begin is start]
        for end in set(TaskStatus) - set(ends):
            for change in ways_to_reach(end, store, owner):
                error = expect_raises(InvalidTransitionError, change)
                shown = (error.task_id, error.from_status, error.to_status, set(error.allowed))
                expect_same("the error's attributes", ("task", start, end, set(ends)), shown)
        expect_stored(trial, record, 1)
        for end in ends:
            for change in ways_to_reach(end, store, owner):
                store.delete(owner, "task")
                seed_task(trial, owner, status=start)
                change()
                expect_same(f"status after {start}", end, store.get(owner, "task").record.status)


def ways_to_reach(
    end: TaskStatus, store: GenericTaskStore, owner: str
) -> list[Callable[[], object]]:
    """The calls that bring the owner's task "task" into this status."""
    ways: list[Callable[[], object]] = [partial(store.update_status, owner, "task", end)]
    if end in ENDED:
        ways.append(partial(store.complete_with_result, owner, "task", end, "result"))
    if end is CANCELLED:
        ways.append(partial(store.cancel, owner, "task"))
    return ways
