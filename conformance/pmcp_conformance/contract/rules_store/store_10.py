"""STORE-10: writes to a task that has ended."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import ENDED, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_unchanged
from pmcp_storage import TaskEndedError, TaskStatus


@rule("STORE-10")
def an_ended_task_is_final(trial: Trial) -> None:
    """A task that has ended keeps its variables and its result: set_variables and set_result raise
    TaskEndedError and change nothing.
    """
    bench = StoreBench(trial)
    store = bench.store()
    for status in ENDED:
        owner = trial.owner()
        record = seed_task(trial, owner, status=status, variables={"a": 1}, result="first")

        def attempt(owner: str = owner, status: TaskStatus = status) -> None:
            error = TaskEndedError("task", status)
            expect_raises(error, store.set_variables, owner, "task", {"a": None})
            expect_raises(error, store.set_result, owner, "task", "second")

        expect_unchanged(trial, record, 1, attempt)
