"""STORE-6: deleting tasks."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_absent, expect_returns, expect_stored
from pmcp_storage import TaskStatus


@rule("STORE-6")
def deletion(trial: Trial) -> None:
    """delete returns True for a task, whatever its status, and False from then on; another owner's
    task stays.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store()
    theirs = seed_task(trial, other)
    for status in TaskStatus:
        expect_returns(False, store.delete, owner, "task")
        seed_task(trial, owner, status=status)
        expect_returns(True, store.delete, owner, "task")
        expect_absent(trial, owner, "task")
        expect_returns(False, store.delete, owner, "task")
    expect_stored(trial, theirs, 1)
