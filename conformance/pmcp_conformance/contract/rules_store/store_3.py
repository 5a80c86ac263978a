"""STORE-3: creating a task twice."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_unchanged
from pmcp_storage import TaskAlreadyExistsError


@rule("STORE-3")
def creation_of_a_live_id(trial: Trial) -> None:
    """Creating an id that the owner already has raises TaskAlreadyExistsError and changes nothing;
    another owner can still create it.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store()
    first = store.create(owner, "tools/call", task_id="task", variables={"mark": 1}).record

    def again() -> None:
        error = TaskAlreadyExistsError(owner, "task")
        expect_raises(error, store.create, owner, "prompts/get", task_id="task")

    expect_unchanged(trial, first, 1, again)
    store.cancel(owner, "task")
    again()
    expect_same("version", 1, store.create(other, "tools/call", task_id="task").version)
