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
    """A change returns the task as get and a listing then return it, and shares no object of it
    with the caller or with another answer.

    Why: One handler sorts a list in what it received, and another request sees it sorted although
    nothing was stored; or a client is shown the version before its own change and conflicts with
    itself.

    Real bug: cache-manager 3.1.0 copied objects when its memory store took them but not when it
    returned them: changing a fetched object changed what later readers got.
    (https://github.com/jaredwray/cacheable/issues/137)

    Mend: Return the record that was written, with the version that the backend returned. Build it
    from data of its own (a deep copy or the decoded JSON), and answer no get from a cache of
    objects.
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
    early = store.set_result(owner, task_id, variables)
    ended = store.complete_with_result(owner, task_id, COMPLETED, variables)
    variables["list"].append("mutated")
    variables["object"]["a"] = "mutated"
    expected = {"list": [1], "object": {"a": 1}}
    for answer in (made, changed, early, ended, store.get(owner, task_id)):
        expect_same("variables", expected, answer.record.variables)
    for answer in (early, ended):
        expect_same("result", expected, answer.record.result)
    expect_same("result", expected, store.get_result(owner, task_id))
    listed = [found for found in store.list(owner).tasks if found.record.task_id == task_id]
    expect_same("the listed task", [store.get(owner, task_id)], listed)
