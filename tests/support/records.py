"""Records for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pmcp_storage import Task, TaskRecord, TaskStatus

NOW = datetime(2026, 2, 23, 10, 30, tzinfo=UTC)


def make_record(task_id: str = "t", owner_id: str = "o", **fields: Any) -> TaskRecord:
    """A working task of NOW that never expires; `fields` are the record's, or its task's."""
    of_task: dict[str, Any] = {
        "status": TaskStatus.WORKING,
        "created_at": NOW,
        "last_updated_at": NOW,
    }
    of_task |= {name: fields.pop(name) for name in Task.model_fields.keys() & fields.keys()}
    task = Task(task_id=task_id, **of_task)
    return TaskRecord(task=task, owner_id=owner_id, request_method="tools/call", **fields)
