"""The messages of `io.modelcontextprotocol/tasks` (SEP-2663), and what records keep for them.

A record's own variables hold the call, the questions and the answers, so that any process can do
the job; the lease is in `leases`.
"""

from __future__ import annotations

from typing import Any

from mcp_types import RequestParams
from pydantic import Field

from pmcp_storage.records import TaskRecord, TaskStatus
from pmcp_storage.store.wire import wire_form

EXTENSION_ID = "io.modelcontextprotocol/tasks"

CALL = "mcp.call"
"""The params of the tools/call."""

QUESTIONS = "mcp.questions"
"""What the client has been asked and has not answered, by key."""

ANSWERS = "mcp.answers"
"""What it has answered, by key; kept, so that a later run does not ask again."""

ROUND = "mcp.round"
"""What a tool that returned an InputRequiredResult gets back: the keys of its questions by its own
names, and its request_state."""


class TaskParams(RequestParams):
    """The params of tasks/get and tasks/cancel."""

    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    """The params of tasks/update."""

    # Not InputResponses: what answers no question is ignored, and not refused.
    input_responses: dict[str, Any] = Field(alias="inputResponses")


def tool_of(record: TaskRecord) -> str:
    """The name of the tool that a task calls; "" where it calls none."""
    name = record.variables.get(CALL, {}).get("name", "")
    return name if isinstance(name, str) else ""


def created(record: TaskRecord) -> dict[str, Any]:
    """The CreateTaskResult."""
    return {"resultType": "task", **wire_form(record)}


def detailed(record: TaskRecord) -> dict[str, Any]:
    """The answer to tasks/get."""
    wire = {"resultType": "complete", **wire_form(record)}
    match record.status:
        case TaskStatus.INPUT_REQUIRED:
            wire["inputRequests"] = record.variables.get(QUESTIONS, {})
        case TaskStatus.COMPLETED:
            wire["result"] = record.result
        case TaskStatus.FAILED:
            wire["error"] = record.result
    return wire


def dumped(model: Any) -> Any:
    """A model of the SDK's as JSON, under the names of the wire."""
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)
