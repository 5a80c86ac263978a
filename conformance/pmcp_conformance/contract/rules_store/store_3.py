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
    another owner can still create it, and its owner an id that differs in case or spaces.

    Why: If ids are unique across all owners, one tenant can block another's ids and learn which
    exist. If an ended task can be created over, its result is lost before anybody has fetched it.

    Real bug: With Finbuckle.MultiTenant on a shared database, ASP.NET Identity ran into an error,
    as its unique indexes did not contain the tenant id.
    (https://github.com/Finbuckle/Finbuckle.MultiTenant/issues/50)

    Mend: Make (owner_id, task_id) the primary key and refuse by that alone, whatever the task's
    status. Only an expired task's id is free.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store()
    first = store.create(owner, "tools/call", task_id="task", variables={"mark": 1}).record

    def again() -> None:
        error = TaskAlreadyExistsError(owner, "task")
        expect_raises(error, store.create, owner, "prompts/get", task_id="task")
        same = {"task_id": "task", "variables": {"mark": 1}}
        expect_raises(error, store.create, owner, "tools/call", **same)

    expect_unchanged(trial, first, 1, again)
    store.cancel(owner, "task")
    again()
    expect_same("version", 1, store.create(other, "tools/call", task_id="task").version)
    alike = bench.store_in_memory()
    for task_id in ("task", "TASK", " task", "task "):
        made = alike.create(owner, "tools/call", task_id=task_id)
        expect_same("the id of the created task", task_id, made.record.task_id)
