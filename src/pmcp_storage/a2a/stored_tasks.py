"""How an A2A task is kept in a record.

The task is the record's `variables`, in the JSON of the A2A protocol. Its status in MCP's terms
and its times, those of its last save, are there for people who look into the storage; of them the
stores read only whether the task has ended.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from a2a.types.a2a_pb2 import Task, TaskState
from a2a.utils.errors import InvalidParamsError
from google.protobuf.json_format import Error as ProtobufJsonError
from google.protobuf.json_format import MessageToDict, ParseDict

from pmcp_storage import records
from pmcp_storage.errors import CorruptRecordError
from pmcp_storage.plain_json import MAX_NESTING
from pmcp_storage.records import TaskRecord, TaskStatus

_STATUS = {
    TaskState.TASK_STATE_INPUT_REQUIRED: TaskStatus.INPUT_REQUIRED,
    TaskState.TASK_STATE_AUTH_REQUIRED: TaskStatus.INPUT_REQUIRED,
    TaskState.TASK_STATE_COMPLETED: TaskStatus.COMPLETED,
    TaskState.TASK_STATE_CANCELED: TaskStatus.CANCELLED,
    TaskState.TASK_STATE_FAILED: TaskStatus.FAILED,
    TaskState.TASK_STATE_REJECTED: TaskStatus.FAILED,
}
"""The states of A2A in MCP's terms; all others are working."""

_MAX_PROTOBUF_NESTING = 4 * MAX_NESTING
"""Enough to read what a record can hold: a level of JSON is up to three messages of protobuf.

The default of 100 would make a task unreadable that has been saved.
"""


def to_record(task: Task, owner_id: str, ttl: timedelta | None) -> TaskRecord:
    """The record of a task, which expires `ttl` from now; never, if that is None.

    Raises InvalidParamsError for what cannot be stored: an id that is empty or longer than 256
    bytes, metadata or data that JSON lacks or that is nested deeper than 128 levels.
    """
    now = datetime.now(UTC)
    try:
        return TaskRecord(
            task=records.Task(
                task_id=task.id,
                status=_STATUS.get(task.status.state, TaskStatus.WORKING),
                created_at=now,
                last_updated_at=now,
            ),
            owner_id=owner_id,
            request_method="SendMessage",
            variables=MessageToDict(task),
            expires_at=None if ttl is None else now + ttl,
        )
    except (ValueError, ProtobufJsonError) as error:
        raise InvalidParamsError(f"this task cannot be stored: {error}") from error


def to_task(record: TaskRecord) -> Task:
    """The task of a record. Raises CorruptRecordError if the record holds none."""
    try:
        return ParseDict(record.variables, Task(), max_recursion_depth=_MAX_PROTOBUF_NESTING)
    except ProtobufJsonError as error:
        raise CorruptRecordError(
            record.owner_id, record.task_id, "its variables are no A2A task"
        ) from error
