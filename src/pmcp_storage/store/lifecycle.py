"""The rules of a task's life: its state machine, its size, and what a change makes of a record.

Nothing here touches a storage. What callers hand in has been validated and copied by `validation`,
and what was read is valid and shared with nobody, so that a change builds on valid parts.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from secrets import token_hex
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import to_json

from pmcp_storage.records import Task, TaskRecord, TaskStatus
from pmcp_storage.store.change import TaskChange
from pmcp_storage.store.config import StoreConfig
from pmcp_storage.store.task_errors import InvalidTransitionError, TaskEndedError, TaskTooLargeError

_NEXT = {
    TaskStatus.WORKING: (
        TaskStatus.INPUT_REQUIRED,
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
        TaskStatus.CANCELLED,
    ),
    TaskStatus.INPUT_REQUIRED: (
        TaskStatus.WORKING,
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
        TaskStatus.CANCELLED,
    ),
}
"""The state machine: what can follow a status. Nothing follows one that is not a key."""

_MARK = "changeId"
"""The field of a record that holds the mark of a change. No field of the model: backends keep
fields that they do not know, and nobody else needs it.
"""

_BOUNDED_BYTES = 10_000
"""More than the ids, the times and the field names of a record can take, even all in escapes."""

_Model = TypeVar("_Model", bound=BaseModel)


def load_minting() -> None:
    """Import what `mint_task_id` needs, if it is installed.

    A process that forks while a thread imports it would leave the child waiting for that thread.
    """
    with suppress(ModuleNotFoundError):
        import_module("uuid_utils")


def mint_task_id(config: StoreConfig) -> str:
    """A fresh UUIDv7: ids of one process sort by their creation. Or, as configured, random bits.

    Raises ModuleNotFoundError without uuid-utils, which only a UUIDv7 needs.
    """
    if config.random_ids:
        return token_hex(16)
    try:
        from uuid_utils import uuid7
    except ModuleNotFoundError as error:
        hint = "minting a task_id needs uuid-utils: pip install uuid-utils, or give a task_id"
        raise ModuleNotFoundError(hint, name=error.name) from error
    return str(uuid7())


def new_record(
    owner_id: str,
    task_id: str,
    request_method: str,
    ttl_ms: int,
    variables: dict[str, Any],
    config: StoreConfig,
) -> TaskRecord:
    """A working task, which expires `ttl_ms` milliseconds after its creation.

    All arguments are accepted ones. Raises TaskTooLargeError.
    """
    now = datetime.now(UTC)
    task = Task(
        task_id=task_id,
        status=TaskStatus.WORKING,
        created_at=now,
        last_updated_at=now,
        ttl=ttl_ms,
        poll_interval=config.poll_interval_ms,
    )
    record = TaskRecord(
        task=task,
        owner_id=owner_id,
        request_method=request_method,
        expires_at=task.created_at + timedelta(milliseconds=ttl_ms),
    )
    return _sized(_changed(record, variables=_merged({}, variables)), config)


def with_change(record: TaskRecord, change: TaskChange, config: StoreConfig) -> TaskRecord:
    """The record with all that the change names: variables are merged, null removes a key.

    Raises InvalidTransitionError where the state machine has no such transition, TaskEndedError
    for a change without a status of a task that has ended, and TaskTooLargeError. A change of
    nothing but the status adds some bytes at most and is not measured: a task that is full to the
    limit can still be cancelled.
    """
    if change.status is None:
        _check_not_ended(record)
    else:
        _check_transition(record, change.status)
    only_status = change.status is not None and change == TaskChange(status=change.status)
    named = {"status": change.status, "status_message": change.message}
    fields: dict[str, Any] = {
        "task": _touched(record.task, **_given(named)),
        **_given({"result": change.result}),
    }
    if change.variables:
        fields["variables"] = _merged(record.variables, change.variables)
    changed = _changed(record, **fields)
    return changed if only_status else _sized(changed, config)


def with_result(record: TaskRecord, result: Any, config: StoreConfig) -> TaskRecord:
    """The record with that result, in the status that it has.

    Raises TaskEndedError for a task that has ended, TaskTooLargeError.
    """
    _check_not_ended(record)
    return _sized(_changed(record, task=_touched(record.task), result=result), config)


def ended_with_result(
    record: TaskRecord, status: TaskStatus, message: str | None, result: Any, config: StoreConfig
) -> TaskRecord:
    """The record in a terminal status, with that result.

    Raises InvalidTransitionError, TaskTooLargeError.
    """
    ended = with_change(record, TaskChange(status=status, message=message), config)
    return _sized(_changed(ended, result=result), config)


def with_mark(record: TaskRecord, mark: str) -> TaskRecord:
    """A copy of the record with the mark of a change in place of the last one."""
    return record.model_copy(update={_MARK: mark})


def mark_of(record: TaskRecord) -> str | None:
    """The mark of the last change that left one."""
    return (record.model_extra or {}).get(_MARK)


def _sized(record: TaskRecord, config: StoreConfig) -> TaskRecord:
    """The record, unless its JSON is over the limit: TaskTooLargeError."""
    # The backend is going to write the whole JSON; for most records a part of it shows enough.
    if _unbounded_bytes(record) + _BOUNDED_BYTES > config.max_record_bytes:
        size = len(record.to_json().encode())
        if size > config.max_record_bytes:
            raise TaskTooLargeError(size, config.max_record_bytes)
    return record


def _unbounded_bytes(record: TaskRecord) -> int:
    """The bytes of JSON in the fields whose size only the record's own limit bounds."""
    task = record.task
    fields = (
        record.variables,
        record.result,
        record.request_method,
        record.__pydantic_extra__,
        task.status_message,
        task.meta,
        task.__pydantic_extra__,
    )
    return len(to_json(fields))


def _merged(variables: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = {**variables, **changes}
    for key, value in changes.items():
        if value is None:
            del merged[key]
    return merged


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _check_transition(record: TaskRecord, status: TaskStatus) -> None:
    allowed = _NEXT.get(record.status, ())
    if status not in allowed:
        raise InvalidTransitionError(record.task_id, record.status, status, allowed)


def _check_not_ended(record: TaskRecord) -> None:
    if record.status.is_terminal:
        raise TaskEndedError(record.task_id, record.status)


def _touched(task: Task, **changes: Any) -> Task:
    now = datetime.now(UTC)
    cut = now.replace(microsecond=now.microsecond // 1000 * 1000)
    # A clock that was set back must not make the task look older than it was.
    return _changed(task, last_updated_at=max(cut, task.last_updated_at), **changes)


def _changed(model: _Model, **changes: Any) -> _Model:
    # Not the model's own model_copy, which validates and copies all of it once more: what was read
    # is valid and shared with nobody, and so is what was accepted. Nor pydantic's, which takes
    # three times as long.
    changed = model.__class__.__new__(model.__class__)
    values = {
        "__dict__": {**model.__dict__, **changes},
        "__pydantic_extra__": model.__pydantic_extra__,
        "__pydantic_fields_set__": model.__pydantic_fields_set__ | changes.keys(),
        "__pydantic_private__": model.__pydantic_private__,
    }
    for name, value in values.items():
        object.__setattr__(changed, name, value)
    return changed
