"""STORE-13: what a change returns: equal to what is stored, and independent of it."""

from __future__ import annotations

from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import CHANGES, COMPLETED, expect_same, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry


@rule("STORE-13")
def answers_are_the_stored_task(trial: Trial) -> None:
    """A change returns the task as get then returns it, and shares no object of it with the caller
    or with another answer.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    for name, change in CHANGES.items():
        seed_task(trial, owner, name, variables={"list": [1]})
        answer = change(store, owner, name)
        expect_entry(store.get(owner, name), answer.record, answer.version)
        expect_same("version", 2, answer.version)
        answer.record.variables["list"].append("mutated")
        expect_same(f"after {name}", [1], store.get(owner, name).record.variables["list"])
    variables: dict[str, Any] = {"list": [1], "object": {"a": 1}}
    made = store.create(owner, "tools/call", variables=variables)
    task_id = made.record.task_id
    changed = store.set_variables(owner, task_id, variables)
    ended = store.complete_with_result(owner, task_id, COMPLETED, variables)
    variables["list"].append("mutated")
    variables["object"]["a"] = "mutated"
    expected = {"list": [1], "object": {"a": 1}}
    for answer in (made, changed, ended, store.get(owner, task_id)):
        expect_same("variables", expected, answer.record.variables)
    expect_same("result", expected, ended.record.result)
    expect_same("result", expected, store.get_result(owner, task_id))
