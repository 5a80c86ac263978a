"""The task record and its JSON: what every backend stores, and the one codec that all of them use.

The JSON is camelCase and shared with the Rust crate `pmcp-tasks`, so that servers in both
languages can work on one table. Every record that can be constructed satisfies
`TaskRecord.from_json(record.to_json()) == record`; what could not come back is refused at
construction, with the field's place. Versions and keys of a storage are not part of it, and
neither are the rules of the domain: those belong to the store.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import chain
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError, from_json, to_json

MAX_OWNER_ID_BYTES = 1024
MAX_TASK_ID_BYTES = 256
MAX_NESTING = 128
MAX_INT_DIGITS = 4300
"""The digits of the longest integer that CPython converts from text by default."""

_INT_BEYOND = 10**MAX_INT_DIGITS
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def check_owner_id(owner_id: str) -> str:
    """Return `owner_id` if a record can have it.

    Raises TypeError if it is not a string, and ValueError unless it has 1 to 1,024 bytes of
    UTF-8 without U+0000 and without lone surrogates.
    """
    return _check_id("owner_id", owner_id, MAX_OWNER_ID_BYTES)


def check_task_id(task_id: str) -> str:
    """Return `task_id` if a record can have it.

    Raises TypeError if it is not a string, and ValueError unless it has 1 to 256 bytes of
    UTF-8 without U+0000 and without lone surrogates.
    """
    return _check_id("task_id", task_id, MAX_TASK_ID_BYTES)


def _check_id(name: str, value: str, most: int) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{name} has a lone surrogate, which UTF-8 cannot hold") from None
    if not 1 <= size <= most:
        raise ValueError(f"{name} must have 1 to {most} bytes of UTF-8, not {size}")
    if "\0" in value:
        raise ValueError(f"{name} must not contain U+0000")
    return value


def _dump(value: Any, find_fault: Callable[[], str | None]) -> str:
    """The JSON text of a value; ValueError naming the place of what JSON cannot hold."""
    try:
        text = to_json(value, inf_nan_mode="constants").decode()
    except ValueError as error:
        raise ValueError(find_fault() or "cannot be written as JSON") from error
    deep = text.count("[") + text.count("{") > MAX_NESTING
    # Cheap signs first: the text may hold them innocently, so the walk decides.
    if (deep or "NaN" in text or "Infinity" in text) and (fault := find_fault()):
        raise ValueError(fault)
    return text


def _fault(value: Any, place: str, depth: int = 1) -> str | None:
    """What is wrong with a value that is not plain JSON, and where; None if nothing is."""
    if isinstance(value, dict | list):
        if depth > MAX_NESTING:
            return f"{place[:60]}…: nested deeper than {MAX_NESTING} levels"
        children = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in children:
            if isinstance(value, dict) and (fault := _key_fault(key, place)):
                return fault
            if fault := _fault(child, f"{place}[{json.dumps(key)}]", depth + 1):
                return fault
        return None
    return _scalar_fault(value, place)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key_fault(key: Any, place: str) -> str | None:
    if not isinstance(key, str):
        return f"{place}: an object key must be a string, not {type(key).__name__}"
    return _scalar_fault(key, f"{place}, key {key!a}")


def _scalar_fault(value: Any, place: str) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if _is_utf8(value) else f"{place}: a lone surrogate, which UTF-8 cannot hold"
    if isinstance(value, int):
        long = not -_INT_BEYOND < value < _INT_BEYOND
        return f"{place}: an integer of more than {MAX_INT_DIGITS} digits" if long else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{place}: {value} is not JSON"
    return f"{place}: {type(value).__name__} is not a JSON type"


def _plain_json(value: Any, info: ValidationInfo) -> Any:
    """The value in plain JSON types, sharing nothing with the caller's."""
    find_fault = partial(_fault, value, info.field_name or "value")
    try:
        text = _dump(value, find_fault)
        # What the parser has just made is held by nobody else and has only JSON's types.
        return value if info.mode == "json" else _unchanged_copy(value, text, find_fault)
    except ValueError as error:
        raise PydanticCustomError("json_value", "{fault}", {"fault": str(error)}) from None


def _unchanged_copy(value: Any, text: str, find_fault: Callable[[], str | None]) -> Any:
    try:
        copy = from_json(text)
    except ValueError as error:
        raise ValueError(find_fault() or "cannot be read back from JSON") from error
    if copy != value:
        raise ValueError(find_fault() or "would come back changed from JSON")
    return copy


def _record_fault(fields: dict[str, Any]) -> str | None:
    parts = chain(fields["task"].items(), fields.items())
    faults = (_fault(value, name) for name, value in parts if value is not fields["task"])
    return next((fault for fault in faults if fault), None)


def _utf8(text: str) -> str:
    if not _is_utf8(text):
        raise PydanticCustomError("text", "has a lone surrogate, which UTF-8 cannot hold")
    return text


def _instant(value: Any) -> datetime:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        value = datetime.fromisoformat(value.upper())
    if not isinstance(value, datetime):
        raise ValueError("must be an instant: an aware datetime, or text like 2026-02-23T10:30:00Z")
    if value.utcoffset() is None:
        raise ValueError("a naive datetime names no instant: give it a tzinfo, such as UTC")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999 of UTC") from None


def _to_the_millisecond(instant: datetime) -> datetime:
    beyond = instant.microsecond % 1000
    return instant.replace(microsecond=instant.microsecond - beyond) if beyond else instant


def _rfc3339(instant: datetime, timespec: str) -> str:
    return instant.isoformat(timespec=timespec).removesuffix("+00:00") + "Z"


OwnerId = Annotated[str, Field(strict=True), AfterValidator(check_owner_id)]
TaskId = Annotated[str, Field(strict=True), AfterValidator(check_task_id)]
Text = Annotated[str, Field(strict=True), AfterValidator(_utf8)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Millisecond = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_to_the_millisecond)]
Milliseconds = Annotated[int, Field(strict=True, ge=0, lt=2**64)]
Json = Annotated[Any, AfterValidator(_plain_json)]
JsonObject = Annotated[dict[str, Any], Field(strict=True), AfterValidator(_plain_json)]


class TaskStatus(StrEnum):
    """Where a task stands. The last three are terminal: nothing follows them."""

    WORKING = "working"
    INPUT_REQUIRED = "input_required"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)


class _Wire(BaseModel):
    """Frozen; keeps fields it does not know; shows no payload in repr and errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )
    __pydantic_extra__: dict[str, Json] = Field(init=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed, validated like a new one.

        `update` maps field names to their new values. `deep` changes nothing: a validated copy
        never shares a container with its origin. Raises ValueError as the constructor does.
        """
        in_json = {
            name: str(field.validation_alias or name)
            for name, field in type(self).model_fields.items()
        }
        values = {alias: getattr(self, name) for name, alias in in_json.items()}
        values.update(self.__pydantic_extra__ or {})
        values.update({in_json.get(name, name): value for name, value in (update or {}).items()})
        return type(self).model_validate(values, by_alias=True, by_name=False)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        extra = self.__pydantic_extra__ or {}
        return [(name, value) for name, value in super().__repr_args__() if name not in extra]


def _unshared(task: Task) -> Task:
    """The task; a copy where it has a container that its maker could still change."""
    return task.model_copy() if task.meta is not None or task.model_extra else task


class Task(_Wire):
    """A task as the protocol shows it.

    `created_at` and `last_updated_at` are cut to milliseconds in UTC; `ttl` and `poll_interval`
    are milliseconds. Raises ValueError (pydantic's ValidationError), naming the field, for a
    value that could not be stored and read back.
    """

    task_id: TaskId = Field(validation_alias="taskId")
    status: TaskStatus
    status_message: Text | None = Field(default=None, validation_alias="statusMessage")
    created_at: Millisecond = Field(validation_alias="createdAt")
    last_updated_at: Millisecond = Field(validation_alias="lastUpdatedAt")
    ttl: Milliseconds | None = None
    poll_interval: Milliseconds | None = Field(default=None, validation_alias="pollInterval")
    meta: JsonObject | None = Field(default=None, validation_alias="_meta", repr=False)

    def _json_fields(self) -> dict[str, Any]:
        optional = {
            "statusMessage": self.status_message,
            "pollInterval": self.poll_interval,
            "_meta": self.meta,
        }
        return {
            "taskId": self.task_id,
            "status": self.status.value,
            "createdAt": _rfc3339(self.created_at, "milliseconds"),
            "lastUpdatedAt": _rfc3339(self.last_updated_at, "milliseconds"),
            "ttl": self.ttl,
            **{name: value for name, value in optional.items() if value is not None},
            **(self.__pydantic_extra__ or {}),
        }


class TaskRecord(_Wire):
    """What a backend stores for a task: the task, its owner, its data and its expiry.

    `variables` is a JSON object and `result` any JSON value; both are copied, so that a change
    of the caller's objects does not reach the record. `expires_at` keeps microseconds; None
    means that the record never expires. Raises ValueError (pydantic's ValidationError), naming
    the field, for a value that could not be stored and read back.
    """

    task: Annotated[Task, AfterValidator(_unshared)]
    owner_id: OwnerId = Field(validation_alias="ownerId")
    variables: JsonObject = Field(default_factory=dict, repr=False)
    result: Json = Field(default=None, repr=False)
    request_method: Text = Field(validation_alias="requestMethod")
    expires_at: Instant | None = Field(default=None, validation_alias="expiresAt")

    @property
    def task_id(self) -> str:
        return self.task.task_id

    @property
    def status(self) -> TaskStatus:
        return self.task.status

    def is_expired(self, at: datetime) -> bool:
        """Whether the record has expired by the instant `at` (an aware datetime)."""
        return self.expires_at is not None and self.expires_at <= at

    def to_json(self) -> str:
        """The record as JSON text, without white space.

        Raises ValueError, naming the place, if something was put into `variables` or `result`
        after construction that JSON cannot hold.
        """
        expires_at = self.expires_at
        fields = {
            "task": self.task._json_fields(),
            "ownerId": self.owner_id,
            "variables": self.variables,
            "result": self.result,
            "requestMethod": self.request_method,
            "expiresAt": None if expires_at is None else _rfc3339(expires_at, "microseconds"),
            **(self.__pydantic_extra__ or {}),
        }
        return _dump(fields, partial(_record_fault, fields))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a record from the JSON that `to_json`, or the Rust crate, wrote.

        Fields that this version does not know are kept, and written back by `to_json`. Raises
        ValueError (pydantic's ValidationError), naming the field, for anything else than a
        record; the message shows no value.
        """
        return cls.model_validate_json(text, by_alias=True, by_name=False)
