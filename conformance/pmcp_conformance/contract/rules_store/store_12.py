"""STORE-12: storing and reading results of any kind, in any status."""

from __future__ import annotations

from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    ENDED,
    INPUT,
    expect_same,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_returns
from pmcp_storage import NoResultError, TaskNotReadyError


@rule("STORE-12")
def results(trial: Trial) -> None:
    """set_result leaves the status; get_result returns any result of an ended task, 0 and empty
    ones included, and raises TaskNotReadyError before the end, NoResultError where there is none.
    """
    bench = StoreBench(trial)
    store = bench.store()
    result: Any
    for result in (0, False, "", [], {}, 0.0, {"content": [None]}):
        owner = trial.owner()
        seed_task(trial, owner, status=INPUT)
        expect_raises(TaskNotReadyError("task", INPUT), store.get_result, owner, "task")
        expect_same("status", INPUT, store.set_result(owner, "task", result).record.status)
        expect_raises(TaskNotReadyError("task", INPUT), store.get_result, owner, "task")
        store.update_status(owner, "task", COMPLETED)
        expect_returns(result, store.get_result, owner, "task")
    for status in ENDED:
        seed_task(trial, owner, status, status=status)
        expect_raises(NoResultError(status, status), store.get_result, owner, status)
