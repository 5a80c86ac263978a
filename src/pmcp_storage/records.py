"""The task record and its JSON: what every backend stores, and the one codec that all of them use.

The JSON is camelCase and shared with the Rust crate `pmcp-tasks`, so that servers in both
languages can work on one table. Every record that can be constructed satisfies
`TaskRecord.from_json(record.to_json()) == record`; what could not come back is refused at
construction, with the field's place. Versions and keys of a storage are not part of it, and
neither are the rules of the domain: those belong to the store. `plain_json` decides which
values are plain JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import chain
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from pmcp_storage.plain_json import (
    LONE_SURROGATE,
    NotJsonError,
    Problem,
    dump,
    find_problem,
    is_utf8,
    plain_copy,
)

MAX_OWNER_ID_BYTES = 1024
MAX_TASK_ID_BYTES = 256

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


def id_problem(value: Any, max_bytes: int) -> str | None:
    """What is wrong with an id, as the rest of a sentence that its name begins; None if nothing is.

    `max_bytes` is the most bytes of UTF-8 that it may have.
    """
    if not isinstance(value, str):
        return f"must be a str, not {type(value).__name__}"
    if not is_utf8(value):
        return f"has {LONE_SURROGATE}"
    if not 1 <= (size := len(value.encode())) <= max_bytes:
        return f"must have 1 to {max_bytes} bytes of UTF-8, not {size}"
    return "must not contain U+0000" if "\0" in value else None


def _check_id(name: str, value: str, max_bytes: int) -> str:
    problem = id_problem(value, max_bytes)
    if problem is None:
        return value
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(f"{name} {problem}")


def _plain_json(value: Any, info: ValidationInfo) -> Any:
    """The value in plain JSON types, sharing nothing with the caller's."""
    place = info.field_name or "value"
    try:
        if info.mode != "json":
            return plain_copy(value, place)
        # What the parser has just made is held by nobody else and has only JSON's types.
        dump(value, partial(find_problem, value, place))
        return value
    except NotJsonError as error:
        raise PydanticCustomError("json_value", "{problem}", {"problem": str(error)}) from None


def _utf8(text: str) -> str:
    if not is_utf8(text):
        raise PydanticCustomError("text", f"has {LONE_SURROGATE}")
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


def rfc3339(instant: datetime, timespec: str = "milliseconds") -> str:
    """An instant of UTC as text, such as 2026-02-23T10:30:00.123Z."""
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
            "createdAt": rfc3339(self.created_at),
            "lastUpdatedAt": rfc3339(self.last_updated_at),
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
            "expiresAt": None if expires_at is None else rfc3339(expires_at, "microseconds"),
            **(self.__pydantic_extra__ or {}),
        }
        return dump(fields, partial(_record_problem, fields))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a record from the JSON that `to_json`, or the Rust crate, wrote.

        Fields that this version does not know are kept, and written back by `to_json`. Raises
        ValueError (pydantic's ValidationError), naming the field, for anything else than a
        record; the message shows no value.
        """
        return cls.model_validate_json(text, by_alias=True, by_name=False)


def _record_problem(fields: dict[str, Any]) -> Problem | None:
    parts = chain(fields["task"].items(), fields.items())
    problems = (find_problem(value, name) for name, value in parts if value is not fields["task"])
    return next(filter(None, problems), None)
