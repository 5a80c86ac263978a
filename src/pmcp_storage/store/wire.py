"""The wire form of a task: what MCP's tasks extension sends of it to a client."""

from __future__ import annotations

from typing import Any

from pmcp_storage.records import TaskRecord, rfc3339


def wire_form(record: TaskRecord) -> dict[str, Any]:
    """What every message of the extension `io.modelcontextprotocol/tasks` says of a task.

    taskId, status, createdAt, lastUpdatedAt (RFC 3339 in UTC, to the millisecond) and ttlMs; where
    the task has them, statusMessage, pollIntervalMs and _meta. The dict is the caller's own, to
    add what a message says besides, such as a result. It shows no owner and no variables.
    """
    task = record.task.model_copy()
    optional = {
        "statusMessage": task.status_message,
        "pollIntervalMs": task.poll_interval,
        "_meta": task.meta,
    }
    return {
        "taskId": task.task_id,
        "status": task.status.value,
        "createdAt": rfc3339(task.created_at),
        "lastUpdatedAt": rfc3339(task.last_updated_at),
        "ttlMs": task.ttl,
        **{name: value for name, value in optional.items() if value is not None},
    }
