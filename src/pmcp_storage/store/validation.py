"""What callers may hand to a task store: each argument checked, and copied where it is data.

What is accepted here is valid from then on, and shares nothing with the caller's objects. Errors
name the argument, or the place within it, and show no value of variables and results.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from pmcp_storage.errors import (
    AnonymousOwnerError,
    InvalidArgumentError,
    InvalidTtlError,
    InvalidVariablesError,
)
from pmcp_storage.records import Json, TaskStatus, Text, check_owner_id, check_task_id
from pmcp_storage.store.config import StoreConfig

ANONYMOUS_OWNER = "local"
"""The owner under whom tasks of nobody are stored. The empty name means the same."""

_CONTAINERS = frozenset((dict, list))

_Fault = tuple[str, str]
"""The place of a fault below the value that was looked at, and the reason."""


class _Accepted(BaseModel):
    """What callers may hand in, under the names that they know."""

    model_config = ConfigDict(hide_input_in_errors=True)

    request_method: Text = ""
    message: Text | None = None
    variables: Json = None
    result: Json = None


def accept_owner(owner_id: str, config: StoreConfig) -> str:
    """The owner's name in the storage.

    Raises AnonymousOwnerError for nobody's name unless the configuration allows it, and
    InvalidArgumentError for what no owner can be called.
    """
    if owner_id in ("", ANONYMOUS_OWNER):
        if not config.allow_anonymous:
            raise AnonymousOwnerError(owner_id)
        return ANONYMOUS_OWNER
    return _accept_id("owner_id", check_owner_id, owner_id)


def accept_task_id(task_id: str) -> str:
    """The id of a task; InvalidArgumentError for what no task can be called."""
    return _accept_id("task_id", check_task_id, task_id)


def _accept_id(argument: str, check: Callable[[str], str], value: str) -> str:
    try:
        return check(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(argument, str(error).removeprefix(f"{argument} ")) from None


def accept_variables(variables: Any, config: StoreConfig) -> dict[str, Any]:
    """A copy of the caller's variables in plain JSON types, within the limits of each value.

    Merging keeps whole values, so that merged variables are within the limits if all that was
    merged is. Raises InvalidVariablesError, naming the place of the fault.
    """
    if not isinstance(variables, dict):
        raise InvalidVariablesError("variables", f"must be a dict, not {type(variables).__name__}")
    accepted: dict[str, Any] = accept("variables", variables)
    # Cheap signs first, since finding the place takes several times as long.
    short = len(to_json(accepted)) <= config.max_string_bytes
    if short and not _is_deeper(accepted, config.max_variable_depth):
        return accepted
    if fault := _fault(accepted, 1, config):
        place, reason = fault
        raise InvalidVariablesError(f"variables{place}", reason)
    return accepted


def accept(
    argument: Literal["request_method", "message", "variables", "result"], value: Any
) -> Any:
    """A copy of the caller's value in plain JSON types, which shares nothing with it.

    Raises InvalidVariablesError or InvalidArgumentError, naming the place of the fault.
    """
    try:
        return getattr(_Accepted.model_validate({argument: value}), argument)
    except ValidationError as error:
        place, _, reason = error.errors(include_input=False)[0]["msg"].rpartition(": ")
    kind = InvalidVariablesError if argument == "variables" else InvalidArgumentError
    raise kind(place or argument, reason)


def accept_status(status: str) -> TaskStatus:
    """The status of that name; InvalidArgumentError if there is none."""
    try:
        return TaskStatus(status)
    except ValueError:
        raise InvalidArgumentError("status", f"must be one of {', '.join(TaskStatus)}") from None


def accept_ttl(ttl_ms: int | None, config: StoreConfig) -> int:
    """The milliseconds that a new task lives.

    Raises InvalidTtlError for a number outside the limits, InvalidArgumentError for what is not
    an int.
    """
    if ttl_ms is None:
        return config.default_ttl_ms
    if isinstance(ttl_ms, bool) or not isinstance(ttl_ms, int):
        raise InvalidArgumentError("ttl_ms", f"must be an int, not {type(ttl_ms).__name__}")
    if not 1 <= ttl_ms <= config.max_ttl_ms:
        raise InvalidTtlError(ttl_ms, config.max_ttl_ms)
    return ttl_ms


def accept_limit(limit: int | None, config: StoreConfig) -> int:
    """The number of tasks in a page; InvalidArgumentError for what is not an int of at least 1."""
    if limit is None:
        return config.page_size
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InvalidArgumentError("limit", "must be an int of at least 1, or None")
    return limit


def _is_deeper(variables: dict[str, Any], levels: int) -> bool:
    objects, lists = [variables], list[list[Any]]()
    for _ in range(levels):
        values = chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(lists))
        containers = [value for value in values if type(value) in _CONTAINERS]
        if not containers:
            return False
        objects = [value for value in containers if type(value) is dict]
        lists = [value for value in containers if type(value) is list]
    return True


def _fault(value: Any, level: int, config: StoreConfig) -> _Fault | None:
    """The first fault in a value at that level; None if there is none."""
    if isinstance(value, str):
        return _length_fault("string", value, config)
    if not isinstance(value, dict | list):
        return None
    if level > config.max_variable_depth:
        return "", f"nested deeper than {config.max_variable_depth} levels: flatten it"
    if isinstance(value, list):
        return _first_fault(enumerate(value), level + 1, config)
    keys = (_length_fault("key", key, config) for key in value)
    return next(filter(None, keys), None) or _first_fault(value.items(), level + 1, config)


def _first_fault(
    items: Iterable[tuple[int | str, Any]], level: int, config: StoreConfig
) -> _Fault | None:
    for key, child in items:
        if fault := _fault(child, level, config):
            place, reason = fault
            return f"[{json.dumps(key):.40}]{place}", reason
    return None


def _length_fault(kind: str, text: str, config: StoreConfig) -> _Fault | None:
    size, limit = len(text.encode()), config.max_string_bytes
    if size <= limit:
        return None
    return "", f"a {kind} of {size} bytes is over the limit of {limit}: store it elsewhere"
