"""STORE-43: the quota of unfinished tasks, beside that of unexpired ones."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    INPUT,
    expect_requests,
    expect_same,
    seed_expired_task,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises
from pmcp_storage import GenericTaskStore, TaskQuotaError

_ENDED = 110
"""More tasks that have ended than a quota usually allows of unfinished ones."""


@rule("STORE-43", since="1.2")
def quota_of_unfinished_tasks(trial: Trial) -> None:
    """An owner has at most max_unfinished_per_owner tasks that have neither ended nor expired,
    however many have ended: one more is refused before it writes, after one request that counts.

    Why: A server whose calls take seconds and whose results are kept for an hour refuses the 101st
    call, although nothing is running. One that counts only its newest tasks, or its working ones,
    lets an owner run as many as it likes.

    Mend: Read the owner's tasks before a creation and count those that are working or
    input_required and have not expired, until the limit or the end is reached. Stop at no page.
    """
    bench = StoreBench(trial)
    for _, store in bench.both(max_unfinished_per_owner=2, max_tasks_per_owner=_ENDED + 4):
        expect_quota(trial, bench, store)
    for _, store in bench.both(max_unfinished_per_owner=2, max_tasks_per_owner=2):
        expect_quota_of_unexpired(trial, store)


def expect_quota(trial: Trial, bench: StoreBench, store: GenericTaskStore) -> None:
    """Two unfinished tasks leave no room, tasks that have ended and expired ones do."""
    owner, other = trial.owner(), trial.owner()
    first = store.create(owner, "tools/call").record.task_id
    for number in range(_ENDED):  # newer than the first, and older
        task_id = f"{'z' if number % 2 else ' '}{number}"
        seed_task(trial, owner, task_id, status=COMPLETED)
    for number in range(3):
        seed_expired_task(trial, owner, f"{number} expired")
    create = partial(store.create, owner, "tools/call")
    asking = expect_requests(
        bench, {"list_by_owner": 1, "create": 1}, "create below the quota", create
    ).record.task_id
    store.update_status(owner, asking, INPUT)
    for _ in range(2):
        refused = partial(expect_raises, TaskQuotaError(owner, 2, unfinished=True), create)
        expect_requests(bench, {"list_by_owner": 1}, "create above the quota", refused)
    expect_same("another owner's version", 1, store.create(other, "tools/call").version)
    store.cancel(owner, first)
    expect_same("version after one has ended", 1, create().version)
    expect_raises(TaskQuotaError(owner, 2, unfinished=True), create)


def expect_quota_of_unexpired(trial: Trial, store: GenericTaskStore) -> None:
    """The quota of unexpired tasks holds as well, ended ones included."""
    owner = trial.owner()
    for _ in range(2):
        made = store.create(owner, "tools/call")
        store.cancel(owner, made.record.task_id)
    expect_raises(TaskQuotaError(owner, 2), store.create, owner, "tools/call")
