"""STORE-34: what another store has done since."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import COMPLETED, expect_same, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_returns
from pmcp_storage import TaskNotFoundError


@rule("STORE-34", since="1.1")
def stores_remember_nothing(trial: Trial) -> None:
    """A store goes by what the storage holds: what another store has changed or deleted shows in
    the next get, get_result, listing and change.

    Why: Servers run on several machines, and each has a store of its own. One that answers from
    what it has once read shows a task as working that another machine has completed, and changes
    what is no longer there.

    Mend: Keep no task in an attribute of the store; if reads must be cheap, cache in the backend,
    where writes of others can be noticed.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store, another = bench.store(), bench.store()
    seed_task(trial, owner, variables={})
    store.get(owner, "task")
    store.list(owner)
    changed = another.set_variables(owner, "task", {"a": 1})
    expect_same("the task", changed, store.get(owner, "task"))
    expect_same("the listing", [changed], store.list(owner).tasks)
    another.set_variables(owner, "task", {"b": 2})
    merged = store.set_variables(owner, "task", {"c": 3}).record.variables
    expect_same("the merged variables", {"a": 1, "b": 2, "c": 3}, merged)
    another.complete_with_result(owner, "task", COMPLETED, "done")
    expect_returns("done", store.get_result, owner, "task")
    another.delete(owner, "task")
    for read in (store.get, store.get_result):
        expect_raises(TaskNotFoundError(owner, "task"), read, owner, "task")
    expect_same("the listing", [], store.list(owner).tasks)
