"""Records that several groups of rules write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import Task, TaskRecord, TaskStatus


def fullest(trial: Trial, owner: str) -> dict[str, Any]:
    """Every field of a record set, as changes for `trial.record`."""
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


def ways_to_write(handle: RecordedBackend) -> list[Callable[[TaskRecord], int]]:
    """The three ways to write, to be used in this order on a key that is absent."""
    return [handle.create, handle.put, lambda record: handle.put_if_version(record, 2)]
