"""What several groups of rules share: a full record, the ways to write one, and an hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import Task, TaskRecord, TaskStatus

HOUR = timedelta(hours=1)


def full_fields(trial: Trial, owner: str) -> dict[str, Any]:
    """Every optional field of a record set, as keyword arguments of `trial.record`."""
    task = trial.record(owner).task
    return {
        "task": Task(
            task_id="task",
            status=TaskStatus.INPUT_REQUIRED,
            status_message="waiting",
            created_at=task.created_at,
            last_updated_at=task.last_updated_at,
            ttl=60_000,
            poll_interval=5_000,
            meta={"progress": 0.5},
        ),
        "variables": {"a": 1, "b": {"c": [2]}},
        "result": {"content": ["done"]},
    }


def successive_writes(handle: RecordedBackend) -> list[Callable[[TaskRecord], int]]:
    """Every operation that writes, to be called in this order on one key that is absent."""
    return [handle.create, handle.put, lambda record: handle.put_if_version(record, 2)]
