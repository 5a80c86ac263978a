"""STORE-12: storing and reading results of any kind, in any status."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    ENDED,
    FAILED,
    INPUT,
    expect_same,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_returns
from pmcp_storage import GenericTaskStore, NoResultError, TaskNotReadyError


@rule("STORE-12")
def results(trial: Trial) -> None:
    """set_result leaves the status; get_result returns any result of an ended task, 0 and empty
    ones included, and raises TaskNotReadyError before the end, NoResultError where there is none;
    None is no result and removes an earlier one.

    Why: 0, false and [] are results. If they count as none, the client waits for ever or reports a
    failure. A result that can be read before the end may still change.

    Real bug: django-q2's result(wait=-1) tested the result for truth, so it waited without end for
    a task that had returned 0 or an empty list. (https://github.com/django-q2/django-q2/issues/106)

    Mend: Decide by the status whether the task has ended, and compare the result with the mark for
    'absent' by identity, never by truth.
    """
    bench = StoreBench(trial)
    store = bench.store()
    result: Any
    values: tuple[Any, ...] = (0, False, "", [], {}, 0.0, {"content": [None]})
    for result, status in zip(values, cycle(ENDED), strict=False):
        owner = trial.owner()
        seed_task(trial, owner, status=INPUT)
        expect_raises(TaskNotReadyError("task", INPUT), store.get_result, owner, "task")
        expect_same("status", INPUT, store.set_result(owner, "task", result).record.status)
        expect_raises(TaskNotReadyError("task", INPUT), store.get_result, owner, "task")
        store.update_status(owner, "task", status)
        expect_returns(result, store.get_result, owner, "task")
    for status in ENDED:
        task_id = status.value
        seed_task(trial, owner, task_id, status=status)
        expect_raises(NoResultError(task_id, status), store.get_result, owner, task_id)
    empty: Any
    for empty in (0, "", {}):
        owner = trial.owner()
        seed_task(trial, owner)
        store.complete_with_result(owner, "task", FAILED, empty)
        expect_returns(empty, store.get_result, owner, "task")
    expect_none_removes(trial, store)


def expect_none_removes(trial: Trial, store: GenericTaskStore) -> None:
    """A result of None takes the place of an earlier one, and is none itself."""
    owner = trial.owner()
    seed_task(trial, owner, "set", result=1)
    store.set_result(owner, "set", None)
    store.update_status(owner, "set", COMPLETED)
    seed_task(trial, owner, "completed", result=1)
    store.complete_with_result(owner, "completed", COMPLETED, None)
    for task_id in ("set", "completed"):
        expect_raises(NoResultError(task_id, COMPLETED), store.get_result, owner, task_id)
