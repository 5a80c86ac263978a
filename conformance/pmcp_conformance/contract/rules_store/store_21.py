"""STORE-21: the quota, which expired tasks and other owners do not use up."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, seed_expired_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises
from pmcp_storage import InMemoryBackend, TaskQuotaError

_MANY = 1_100
"""Tasks of an owner without a quota: more than limits that people choose."""


@rule("STORE-21")
def quotas(trial: Trial) -> None:
    """An owner has at most max_tasks_per_owner unexpired tasks, ended ones included: one more is
    refused before it writes, until one is deleted, and other owners' do not count.

    Why: A quota that counts what has expired locks owners out although they have no task; one that
    forgets ended tasks lets results pile up until the storage is full.

    Real bug: Brave's sync server keeps an item count for its quota that did not go down when
    DynamoDB expired items; clients got OVER_QUOTA although they were below it.
    (https://github.com/brave/go-sync/issues/248)

    Mend: Count with count_by_owner(owner, live_at=now, at_most=limit) before each creation and
    refuse at >= limit. Keep no counter of your own beside the records.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store(max_tasks_per_owner=3, page_size=2)
    another_store = bench.store(max_tasks_per_owner=3, page_size=2)
    for number in range(3):
        seed_expired_task(trial, owner, f"{number} expired")
    creators = (store, another_store, store)
    made = [creator.create(owner, "tools/call").record.task_id for creator in creators]
    store.cancel(owner, made[0])
    bench.backend.requests.clear()
    for _ in range(2):
        expect_raises(TaskQuotaError(owner, 3), store.create, owner, "tools/call")
    expect_same("writes by the refused", 0, bench.backend.requests["create"])
    listed = [found.record.task_id for found in store.list(owner, limit=9).tasks]
    expect_same("the listing", made[::-1], listed)
    expect_same("another owner's version", 1, store.create(other, "tools/call").version)
    another_store.delete(owner, made[0])
    expect_same("version after a delete", 1, store.create(owner, "tools/call").version)
    expect_raises(TaskQuotaError(owner, 3), store.create, owner, "tools/call")
    for quota in (1, 4, 120, 1_050, None):
        expect_quota(trial, bench, quota)


def expect_quota(trial: Trial, bench: StoreBench, quota: int | None) -> None:
    """The quota is the one that is configured, however small or great it is."""
    backend, owner = InMemoryBackend(), trial.owner()
    for number in range(_MANY if quota is None else quota - 1):
        backend.create(trial.record(owner, f"{number}"))
    store = bench.store_in_memory(backend, max_tasks_per_owner=quota)
    name = f"version of the last task under a quota of {quota}"
    expect_same(name, 1, store.create(owner, "tools/call").version)
    if quota is not None:
        expect_raises(TaskQuotaError(owner, quota), store.create, owner, "tools/call")
