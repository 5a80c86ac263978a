"""What the rules on the task store share: its operations, tasks to begin with, and expectations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any

from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.comparison import short_apart
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import (
    GenericTaskStore,
    Task,
    TaskChange,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)

WORKING = TaskStatus.WORKING
INPUT = TaskStatus.INPUT_REQUIRED
COMPLETED = TaskStatus.COMPLETED
FAILED = TaskStatus.FAILED
CANCELLED = TaskStatus.CANCELLED
ENDED = (COMPLETED, FAILED, CANCELLED)

_TOGETHER_WITHIN = 30.0
"""Seconds by which all threads have read."""

Change = Callable[[GenericTaskStore, str, str], VersionedRecord]
TaskCall = Callable[[GenericTaskStore, str, str], object]

CHANGES: dict[str, Change] = {
    "update_status": lambda store, owner, task: store.update_status(owner, task, INPUT),
    "set_variables": lambda store, owner, task: store.set_variables(owner, task, {"a": 1}),
    "set_result": lambda store, owner, task: store.set_result(owner, task, 1),
    "complete_with_result": lambda store, owner, task: store.complete_with_result(
        owner, task, COMPLETED, 1
    ),
    "cancel": lambda store, owner, task: store.cancel(owner, task),
}
"""Every operation that changes a task as it was read, with arguments that a working task accepts.

`change` and `report_progress`, which decide anew where others are faster, have rules of their own.
"""

TASK_CALLS: dict[str, TaskCall] = {
    **CHANGES,
    "change": lambda store, owner, task: store.change(owner, task, lambda _: TaskChange(result=1)),
    "report_progress": lambda store, owner, task: store.report_progress(owner, task, "half"),
    "get": lambda store, owner, task: store.get(owner, task),
    "get_result": lambda store, owner, task: store.get_result(owner, task),
    "delete": lambda store, owner, task: store.delete(owner, task),
}
"""Every operation on one task."""

OWNER_CALLS: dict[str, TaskCall] = {
    **TASK_CALLS,
    "create": lambda store, owner, task: store.create(owner, "tools/call", task_id=task),
    "list": lambda store, owner, task: store.list(owner),
}
"""Every operation of an owner."""


def seed_task(
    trial: Trial,
    owner: str,
    task_id: str = "task",
    status: TaskStatus = WORKING,
    updated: datetime | None = None,
    **changes: Any,
) -> TaskRecord:
    """Write a record past the store, in any status and with any time of its last change."""
    now = datetime.now(UTC)
    task = Task(
        task_id=task_id, status=status, created_at=now, last_updated_at=updated or now, ttl=60_000
    )
    return trial.store_record(owner, task_id, task=task, **changes)


def seed_expired_task(
    trial: Trial, owner: str, task_id: str = "task", **changes: Any
) -> TaskRecord:
    """Write a task that expired an hour ago, which the storage may still hold."""
    return seed_task(trial, owner, task_id, expires_at=datetime.now(UTC) - HOUR, **changes)


def between_read_and_write(bench: StoreBench, act: Callable[[], object]) -> None:
    """Have this done after the next read, before the write that follows it."""

    def after_get() -> None:
        bench.backend.after_get = None
        act()

    bench.backend.after_get = after_get


def hold_first_reads(bench: StoreBench, readers: int) -> None:
    """Hold each of so many threads after its first read until all have read: they know one version.

    Where one of them never comes to read, the others go on by themselves.
    """
    barrier = threading.Barrier(readers)
    reads = count()

    def after_get() -> None:
        if next(reads) < readers:
            # On a busy machine they race without having come together.
            with suppress(threading.BrokenBarrierError):
                barrier.wait(_TOGETHER_WITHIN)

    bench.backend.after_get = after_get


def fields_of(record: TaskRecord) -> dict[str, Any]:
    """The fields of the record and of its task, by name."""
    fields = record.model_dump()
    task = fields.pop("task")
    return {**fields, **{f"task.{name}": value for name, value in task.items()}}


def expect_same(name: str, expected: object, observed: object) -> None:
    """The observed value is the expected one."""
    if observed != expected:
        one, other = short_apart(expected, observed)
        raise Violation(f"{name}: {one}", f"{name}: {other}")


def expect_requests(
    bench: StoreBench, expected: Mapping[str, int], name: str, call: Callable[[], Any]
) -> Any:
    """The call sends exactly these requests to the backend; returns what it returned."""
    bench.backend.requests.clear()
    result = call()
    expect_same(f"requests of {name}", dict(expected), dict(bench.backend.requests))
    return result
