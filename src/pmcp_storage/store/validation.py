"""What callers may hand to a task store: each argument checked, and copied where it is data.

What is accepted here is valid from then on, and shares nothing with the caller's objects. Errors
name the argument, or the place within it, and show no value of variables and results. What a task
in a certain status takes is decided by `lifecycle`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

from pydantic_core import to_json

from pmcp_storage.backend import VersionedRecord
from pmcp_storage.plain_json import LONE_SURROGATE, NotJsonError, Problem, is_utf8, plain_copy
from pmcp_storage.records import MAX_OWNER_ID_BYTES, MAX_TASK_ID_BYTES, TaskStatus, id_problem
from pmcp_storage.store.change import Decide, TaskChange
from pmcp_storage.store.config import StoreConfig
from pmcp_storage.store.task_errors import (
    AnonymousOwnerError,
    InvalidArgumentError,
    InvalidTtlError,
    InvalidVariablesError,
)

ANONYMOUS_OWNER = "local"
"""The owner under whom the tasks of anonymous callers are stored. The empty name means the same."""

_CONTAINERS = frozenset((dict, list))


def accept_owner(owner_id: str, config: StoreConfig) -> str:
    """The owner's name in the storage.

    Raises AnonymousOwnerError for an anonymous owner unless the configuration allows it, and
    InvalidArgumentError for what no owner can be called.
    """
    if owner_id in ("", ANONYMOUS_OWNER):
        if not config.allow_anonymous:
            raise AnonymousOwnerError(owner_id)
        return ANONYMOUS_OWNER
    return _accept_id("owner_id", owner_id, MAX_OWNER_ID_BYTES)


def accept_task_id(task_id: str) -> str:
    """The id of a task; InvalidArgumentError for what no task can be called."""
    return _accept_id("task_id", task_id, MAX_TASK_ID_BYTES)


def accept_variables(variables: Any, config: StoreConfig) -> dict[str, Any]:
    """A copy of the caller's variables in plain JSON types, within the limits of each value.

    Merging keeps whole values, so that merged variables are within the limits if all that was
    merged is. Raises InvalidVariablesError, naming the place of the problem.
    """
    if not isinstance(variables, dict):
        raise InvalidVariablesError("variables", f"must be a dict, not {type(variables).__name__}")
    try:
        accepted: dict[str, Any] = plain_copy(variables, "variables")
    except NotJsonError as error:
        raise InvalidVariablesError(*error.problem) from None
    # Cheap signs first, since finding the place takes several times as long.
    short = len(to_json(accepted)) <= config.max_string_bytes
    if short and not _is_deeper(accepted, config.max_variable_depth):
        return accepted
    if problem := _find_problem(accepted, 1, config):
        raise InvalidVariablesError(f"variables{problem.place}", problem.reason)
    return accepted


def accept_result(result: Any) -> Any:
    """A copy of the caller's result in plain JSON types.

    Raises InvalidArgumentError, naming the place of the problem.
    """
    try:
        return plain_copy(result, "result")
    except NotJsonError as error:
        raise InvalidArgumentError(*error.problem) from None


def accept_message(message: str | None) -> str | None:
    """A status message; InvalidArgumentError for what is neither text nor None."""
    return None if message is None else accept_text("message", message)


def accept_text(argument: str, text: str) -> str:
    """The text of an argument of that name; InvalidArgumentError for what UTF-8 cannot hold."""
    if not isinstance(text, str):
        raise InvalidArgumentError(argument, f"must be a str, not {type(text).__name__}")
    if not is_utf8(text):
        raise InvalidArgumentError(argument, f"has {LONE_SURROGATE}")
    # A plain str, also of a subclass that prints as something else.
    return str.__str__(text)


def accept_status(status: str) -> TaskStatus:
    """The status of that name; InvalidArgumentError if there is none."""
    try:
        return TaskStatus(status)
    except ValueError:
        raise InvalidArgumentError("status", f"must be one of {', '.join(TaskStatus)}") from None


def accept_change(change: TaskChange, config: StoreConfig) -> TaskChange:
    """A copy of the change that `decide` has returned, all of it accepted.

    Raises InvalidArgumentError, InvalidVariablesError.
    """
    if not isinstance(change, TaskChange):
        kind = type(change).__name__
        raise InvalidArgumentError("decide", f"must return a TaskChange or None, not {kind}")
    return TaskChange(
        status=None if change.status is None else accept_status(change.status),
        message=accept_message(change.message),
        variables=accept_variables(change.variables, config) if change.variables != {} else {},
        result=accept_result(change.result),
    )


def accept_decide(decide: Decide) -> Decide:
    """A function that decides; InvalidArgumentError for what cannot be called."""
    if not callable(decide):
        raise InvalidArgumentError("decide", f"must be a function, not {type(decide).__name__}")
    return decide


def accept_known(known: Any, owner_id: str, task_id: str) -> VersionedRecord:
    """What the store has once returned of that task; InvalidArgumentError for anything else."""
    if not isinstance(known, VersionedRecord):
        kind = type(known).__name__
        raise InvalidArgumentError("known", f"must be a VersionedRecord, not {kind}")
    if (known.record.owner_id, known.record.task_id) != (owner_id, task_id):
        raise InvalidArgumentError("known", "must be the task that is to be changed")
    return known


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


def _accept_id(argument: str, value: str, max_bytes: int) -> str:
    if problem := id_problem(value, max_bytes):
        raise InvalidArgumentError(argument, problem)
    return value


def _is_deeper(variables: dict[str, Any], levels: int) -> bool:
    objects: list[dict[str, Any]] = [variables]
    lists: list[list[Any]] = []
    for _ in range(levels):
        values = chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(lists))
        containers = [value for value in values if type(value) in _CONTAINERS]
        if not containers:
            return False
        objects = [value for value in containers if type(value) is dict]
        lists = [value for value in containers if type(value) is list]
    return True


def _find_problem(value: Any, level: int, config: StoreConfig) -> Problem | None:
    """The first problem in a value at that level, its place relative to the value; or None."""
    if isinstance(value, str):
        return _length_problem("string", value, config)
    if not isinstance(value, dict | list):
        return None
    if level > config.max_variable_depth:
        return Problem("", f"nested deeper than {config.max_variable_depth} levels: flatten it")
    if isinstance(value, list):
        return _first_problem(enumerate(value), level + 1, config)
    keys = (_length_problem("key", key, config) for key in value)
    return next(filter(None, keys), None) or _first_problem(value.items(), level + 1, config)


def _first_problem(
    items: Iterable[tuple[int | str, Any]], level: int, config: StoreConfig
) -> Problem | None:
    for key, child in items:
        if problem := _find_problem(child, level, config):
            return Problem(f"[{json.dumps(key):.40}]{problem.place}", problem.reason)
    return None


def _length_problem(kind: str, text: str, config: StoreConfig) -> Problem | None:
    size = len(text.encode())
    limit = config.max_string_bytes
    if size <= limit:
        return None
    return Problem("", f"a {kind} of {size} bytes is over the limit of {limit}: store it elsewhere")
