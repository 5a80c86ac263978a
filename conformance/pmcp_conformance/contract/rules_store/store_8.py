"""STORE-8: what a change of status does to the message and to everything else."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import INPUT, WORKING, expect_same, seed_task
from pmcp_conformance.engine.trial import Trial


@rule("STORE-8")
def messages(trial: Trial) -> None:
    """A change of status takes the message that comes with it and otherwise keeps the old one, as
    it keeps everything else.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    before = seed_task(trial, owner, variables={"a": [1]}, result=["early"])
    steps = [(INPUT, "your name?", "your name?"), (WORKING, None, "your name?"), (INPUT, "", "")]
    for status, message, expected in steps:
        store.update_status(owner, "task", status, message)
        after = store.get(owner, "task").record
        expect_same("message", expected, after.task.status_message)
    store.cancel(owner, "task")
    after = store.get(owner, "task").record
    expect_same("message after cancel", "", after.task.status_message)
    kept = (before.variables, before.result, before.request_method, before.expires_at)
    found = (after.variables, after.result, after.request_method, after.expires_at)
    expect_same("variables, result, method and expiry", kept, found)
