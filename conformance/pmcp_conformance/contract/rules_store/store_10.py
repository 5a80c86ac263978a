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

    Why: The client has fetched the result and acted on it. If it changes afterwards, two readers of
    one finished task hold different results, and nobody is told.

    Real bug: In MakerChecker a step that the watchdog had settled as timed out could be overwritten
    as completed by an attempt that finished late.
    (https://github.com/makerchecker/MakerChecker/pull/17)

    Mend: Check is-terminal on the record just read in set_variables and set_result, raise
    TaskEndedError, and write with that version, so that an end in between is a conflict.
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
