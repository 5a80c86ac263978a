"""Shared by the rules on the task store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.expectations import expect
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    GenericTaskStore,
    Task,
    TaskError,
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
    return trial.store_record(owner, task_id, task=task, **changes)


def expect_same(name: str, expected: object, observed: object) -> None:
    """The observed value is the expected one."""
    expect(observed == expected, f"{name}: {short(expected)}", f"{name}: {short(observed)}")


def expect_requests(
    bench: StoreBench, expected: Mapping[str, int], name: str, call: Callable[[], Any]
) -> Any:
    """What the call returns, which sends exactly these requests to the backend."""
    bench.backend.requests.clear()
    result = call()
    expect_same(f"requests of {name}", dict(expected), dict(bench.backend.requests))
    return result


def moves(store: GenericTaskStore, owner: str, end: TaskStatus) -> list[Callable[[], object]]:
    """The ways to bring the owner's task "task" into this status."""
    ways: list[Callable[[], object]] = [partial(store.update_status, owner, "task", end)]
    if end in ENDED:
        ways.append(partial(store.complete_with_result, owner, "task", end, "result"))
    if end is CANCELLED:
        ways.append(partial(store.cancel, owner, "task"))
    return ways


TaskCall = Callable[[GenericTaskStore, str, str], object]


ON_A_TASK: dict[str, TaskCall] = {
    **CHANGES,
    "get": lambda store, owner, task: store.get(owner, task),
    "get_result": lambda store, owner, task: store.get_result(owner, task),
    "delete": lambda store, owner, task: store.delete(owner, task),
}
"""The operations on one task."""


def expired(trial: Trial, owner: str, task_id: str = "task", **changes: Any) -> TaskRecord:
    """A task that expired an hour ago, which the storage may still hold."""
    return seeded(trial, owner, task_id, expires_at=datetime.now(UTC) - HOUR, **changes)


def answer(bench: StoreBench, call: TaskCall, store: GenericTaskStore, owner: str) -> object:
    """All that a caller can see: what came back and how many requests it took."""
    bench.backend.requests.clear()
    told: object
    try:
        told = call(store, owner, "task")
    except TaskError as error:
        cause = error.__cause__
        told = (type(error), str(error), error.args, type(cause), str(cause))
    return told, dict(bench.backend.requests)


def facts(record: TaskRecord) -> tuple[object, str]:
    return record.status, record.request_method


Step = Callable[[Any, str], Any]


def told(call: Step, store: GenericTaskStore, owner: str) -> object:
    """The answer without what differs from run to run: owners, times and cursors."""
    try:
        return essence(call(store, owner))
    except TaskError as error:
        return type(error), error.code


def essence(answer: Any) -> object:
    if isinstance(answer, VersionedRecord):
        record = answer.record
        task = (record.task_id, record.status, record.task.status_message, record.task.ttl)
        return answer.version, task, record.variables, record.result
    if hasattr(answer, "next_cursor"):
        return [essence(found) for found in answer.tasks], answer.next_cursor is None
    return answer
