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

    Why: A cancelled task that completes after all, or a completed one that is cancelled,
    contradicts what the client has already acted upon. A missing transition leaves tasks hanging
    that could have ended.

    Real bug: In the A2A JavaScript SDK a late status update could overwrite a terminal state and
    put a completed, failed or cancelled task back to work.
    (https://github.com/a2aproject/a2a-js/pull/636)

    Mend: Decide every change of status by one table of transitions, cancel and complete_with_result
    included, on the version just read, and write with that version. A repeated cancel is refused as
    well.
    """
    bench = StoreBench(trial)
    for start in TaskStatus:
        owner = trial.owner()
        store = bench.store()
        record = seed_task(trial, owner, status=start, result="first")
        ends = [end for begin, end in ALLOWED if begin is start]
        for end in set(TaskStatus) - set(ends):
            for change in ways_to_reach(end, store, owner):
                error = expect_raises(InvalidTransitionError, change, "task")
                shown = (error.task_id, error.from_status, error.to_status, set(error.allowed))
                expect_same("the error's attributes", ("task", start, end, set(ends)), shown)
        expect_stored(trial, record, 1)
        for end in ends:
            for number, change in enumerate(ways_to_reach(end, store, owner)):
                task_id = f"{end} {number}"
                seed_task(trial, owner, task_id, status=start)
                change(task_id)
                expect_same(f"status after {start}", end, store.get(owner, task_id).record.status)


def ways_to_reach(
    end: TaskStatus, store: GenericTaskStore, owner: str
) -> list[Callable[[str], object]]:
    """The calls that bring a task of the owner's, given its id, into this status."""
    ways: list[Callable[[str], object]] = [lambda task: store.update_status(owner, task, end)]
    if end in ENDED:
        ways.append(lambda task: store.complete_with_result(owner, task, end, "result"))
    if end is CANCELLED:
        ways.append(partial(store.cancel, owner))
    return ways
