"""STORE-21: the quota, which expired tasks and other owners do not use up."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, seed_expired_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises
from pmcp_storage import TaskQuotaError


@rule("STORE-21")
def quota(trial: Trial) -> None:
    """An owner has at most max_tasks_per_owner unexpired tasks, ended ones included: one more is
    refused until one is deleted, and other owners' do not count.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store(max_tasks_per_owner=2)
    for number in range(3):
        seed_expired_task(trial, owner, f"{number} expired")
    first, second = (store.create(owner, "tools/call").record.task_id for _ in range(2))
    store.cancel(owner, first)
    for _ in range(2):
        expect_raises(TaskQuotaError(owner, 2), store.create, owner, "tools/call")
    listed = [found.record.task_id for found in store.list(owner).tasks]
    expect_same("the listing", [second, first], listed)
    expect_same("another owner's version", 1, store.create(other, "tools/call").version)
    store.delete(owner, first)
    expect_same("version after a delete", 1, store.create(owner, "tools/call").version)
    expect_raises(TaskQuotaError(owner, 2), store.create, owner, "tools/call")
