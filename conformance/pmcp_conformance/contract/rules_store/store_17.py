"""STORE-17: expired tasks that the storage still holds."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import WORKING, expect_same, seed_expired_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry, expect_returns


@rule("STORE-17")
def the_expired_are_absent(trial: Trial) -> None:
    """A listing leaves out expired tasks and create can reuse the id of one, even while the storage
    still holds it.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    for number in range(3):
        seed_expired_task(trial, owner, f"{number} expired")
    live = store.create(owner, "tools/call")
    page = store.list(owner)
    expect_same("the listing", [live], page.tasks)
    expect_same("the next cursor", None, page.next_cursor)
    made = store.create(owner, "prompts/get", task_id="1 expired")
    expect_entry(store.get(owner, "1 expired"), made.record, made.version)
    found = (made.record.status, made.record.request_method)
    expect_same("status and method", (WORKING, "prompts/get"), found)
    changed = store.set_variables(owner, "1 expired", {"a": 1})
    expect_same("version after a change", made.version + 1, changed.version)
    expect_returns(True, store.delete, owner, "1 expired")
