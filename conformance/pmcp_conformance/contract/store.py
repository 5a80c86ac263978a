"""STORE: the task store keeps its rules over this backend: creating, expiring and deleting tasks.

The rules of a store are the same over every backend; that they hold over this one shows that it
carries a store. The modules `store_…` go on with changes, owners, limits, listings and races.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    GenericTaskStore,
    InvalidArgumentError,
    InvalidTtlError,
    Task,
    TaskAlreadyExistsError,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)

WORKING, INPUT = TaskStatus.WORKING, TaskStatus.INPUT_REQUIRED
COMPLETED, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED
ENDED = (COMPLETED, FAILED, CANCELLED)
HOUR = timedelta(hours=1)

Change = Callable[[GenericTaskStore, str, str], VersionedRecord]

CHANGES: dict[str, Change] = {
    "update_status": lambda store, owner, task: store.update_status(owner, task, INPUT),
    "set_variables": lambda store, owner, task: store.set_variables(owner, task, {"a": 1}),
    "set_result": lambda store, owner, task: store.set_result(owner, task, 1),
    "complete_with_result": lambda store, owner, task: store.complete_with_result(
        owner, task, COMPLETED, 1
    ),
    "cancel": lambda store, owner, task: store.cancel(owner, task),
}
"""Each operation that changes a task, as one that a working task takes."""


def seeded(
    trial: Trial,
    owner: str,
    task_id: str = "task",
    status: TaskStatus = WORKING,
    updated: datetime | None = None,
    **changes: Any,
) -> TaskRecord:
    """A record written past the store, in any status and with any time of its last change."""
    now = datetime.now(UTC)
    task = Task(
        task_id=task_id, status=status, created_at=now, last_updated_at=updated or now, ttl=60_000
    )
    return trial.seed(owner, task_id, task=task, **changes)


def same(trial: Trial, name: str, expected: object, observed: object) -> None:
    """The observed value is the expected one."""
    trial.expect(observed == expected, f"{name}: {short(expected)}", f"{name}: {short(observed)}")


def costs(trial: Trial, expected: Mapping[str, int], name: str, call: Callable[[], Any]) -> Any:
    """What the call returns, which sends exactly these requests to the backend."""
    trial.below.requests.clear()
    result = call()
    same(trial, f"requests of {name}", dict(expected), dict(trial.below.requests))
    return result


@rule("STORE-1")
def creation(trial: Trial) -> None:
    """A created task is working, at version 1 and as it was asked for; get returns the same; one
    write made it.
    """
    owner, store = trial.owner(), trial.store()
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    given = {"a": [1, {"b": "é"}]}
    made = costs(
        trial,
        {"create": 1},
        "create",
        lambda: store.create(owner, "tools/call", variables={**given, "none": None}),
    )
    record, task = made.record, made.record.task
    same(trial, "version and status", (1, WORKING), (made.version, task.status))
    asked = (owner, "tools/call", given, None)
    told = (record.owner_id, record.request_method, record.variables, record.result)
    same(trial, "owner, method, variables and result", asked, told)
    in_time = before <= task.created_at == task.last_updated_at <= datetime.now(UTC)
    trial.expect(in_time, "created and updated just now", f"{task.created_at}")
    trial.same_entry(store.get(owner, record.task_id), record, 1)
    trial.holds(record, 1)


@rule("STORE-2")
def minted_ids(trial: Trial) -> None:
    """The ids of created tasks are UUIDs of version 7, which sort by creation."""
    owner, store = trial.owner(), trial.store()
    minted = [store.create(owner, "tools/call").record.task_id for _ in range(12)]
    same(trial, "UUID versions", {7}, {UUID(task_id).version for task_id in minted})
    same(trial, "ids in the order of their creation", sorted(set(minted)), minted)


@rule("STORE-3")
def creation_of_a_live_id(trial: Trial) -> None:
    """Creating an id that the owner has raises TaskAlreadyExistsError and changes nothing; another
    owner's is free.
    """
    owner, other, store = trial.owner(), trial.owner(), trial.store()
    first = store.create(owner, "tools/call", task_id="task", variables={"mark": 1}).record

    def again() -> None:
        error = TaskAlreadyExistsError(owner, "task")
        trial.raises(error, store.create, owner, "prompts/get", task_id="task")

    trial.unchanged_by(first, 1, again)
    store.cancel(owner, "task")
    again()
    same(trial, "version", 1, store.create(other, "tools/call", task_id="task").version)


@rule("STORE-4")
def expiry_is_fixed(trial: Trial) -> None:
    """A task expires its ttl after its creation, the configured ttl unless given one, and no change
    moves that.
    """
    owner, store = trial.owner(), trial.store(default_ttl_ms=420_000)
    for given, ttl in ((None, 420_000), (90_000, 90_000)):
        for name, change in CHANGES.items():
            made = store.create(owner, "tools/call", ttl_ms=given).record
            expiry = made.task.created_at + timedelta(milliseconds=ttl)
            same(trial, "ttl and expiry", (ttl, expiry), (made.task.ttl, made.expires_at))
            trial.keeps_expiry(made)
            change(store, owner, made.task_id)
            after = store.get(owner, made.task_id).record
            kept = (after.task.created_at, after.task.ttl, after.expires_at)
            same(trial, f"after {name}", (made.task.created_at, ttl, expiry), kept)
            trial.keeps_expiry(made)


@rule("STORE-5")
def ttl_out_of_bounds(trial: Trial) -> None:
    """A ttl that is no int, below 1 or over the configured maximum is refused before any request;
    the maximum is granted.
    """
    owner, store = trial.owner(), trial.store(default_ttl_ms=1_000, max_ttl_ms=3_000_000)
    trial.below.requests.clear()
    for ttl in (0, -1, 3_000_001, 2**70):
        error = InvalidTtlError(ttl, 3_000_000)
        trial.raises(error, store.create, owner, "tools/call", ttl_ms=ttl)
    for wrong in (True, 1.5, "1000", float("inf")):
        error_kind = InvalidArgumentError
        trial.raises(error_kind, store.create, owner, "tools/call", ttl_ms=wrong)
    same(trial, "requests", {}, dict(trial.below.requests))
    granted = store.create(owner, "tools/call", ttl_ms=3_000_000).record
    same(trial, "ttl", 3_000_000, granted.task.ttl)
    trial.lists(owner, granted)


@rule("STORE-6")
def deletion(trial: Trial) -> None:
    """delete returns True for a task, whatever its status, and False from then on; another owner's
    task stays.
    """
    owner, other, store = trial.owner(), trial.owner(), trial.store()
    theirs = seeded(trial, other)
    for status in TaskStatus:
        trial.returns(False, store.delete, owner, "task")
        seeded(trial, owner, status=status)
        trial.returns(True, store.delete, owner, "task")
        trial.absent(owner, "task")
        trial.returns(False, store.delete, owner, "task")
    trial.holds(theirs, 1)
