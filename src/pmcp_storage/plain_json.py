"""Plain JSON values: copies of them, their text, and what is wrong with a value that is not one.

A value is plain JSON if it comes back as it was: numbers that JSON lacks, text that UTF-8 cannot
hold, and types that come back as others are refused, with their place. Which fields must be plain
JSON, and which error a caller sees, is decided elsewhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

MAX_NESTING = 128
MAX_INT_DIGITS = 4300
"""The digits of the longest integer that CPython converts from text by default."""

LONE_SURROGATE = "a lone surrogate, which UTF-8 cannot hold"

_INT_BEYOND = 10**MAX_INT_DIGITS


class Problem(NamedTuple):
    """What is wrong with a value, and where in it, such as `variables["a"][0]`."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class NotJsonError(ValueError):
    """A value, or a part of it, is not plain JSON."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def plain_copy(value: Any, place: str) -> Any:
    """The value in plain JSON types, sharing nothing with the caller's.

    `place` is what the value is called in the error. Raises NotJsonError.
    """
    where = partial(find_problem, value, place)
    text = dump(value, where)
    try:
        copy = from_json(text)
    except ValueError as error:
        raise NotJsonError(where() or Problem(place, "cannot be read back from JSON")) from error
    if copy != value:
        raise NotJsonError(where() or Problem(place, "would come back changed from JSON"))
    return copy


def dump(value: Any, find: Callable[[], Problem | None]) -> str:
    """The JSON text of a value. Raises NotJsonError with what `find` finds wrong with it."""
    try:
        text = to_json(value, inf_nan_mode="constants").decode()
    except ValueError as error:
        raise NotJsonError(find() or Problem("value", "cannot be written as JSON")) from error
    deep = text.count("[") + text.count("{") > MAX_NESTING
    # Cheap signs first: the text may hold them innocently, so the walk decides.
    if (deep or "NaN" in text or "Infinity" in text) and (problem := find()):
        raise NotJsonError(problem)
    return text


def find_problem(value: Any, place: str) -> Problem | None:
    """The first thing in a value that is not plain JSON; None if all of it is."""
    return _find(value, place, 1)


def is_utf8(text: str) -> bool:
    """Whether UTF-8 can hold the text: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _find(value: Any, place: str, depth: int) -> Problem | None:
    if not isinstance(value, dict | list):
        return _scalar_problem(value, place)
    if depth > MAX_NESTING:
        return Problem(f"{place[:60]}…", f"nested deeper than {MAX_NESTING} levels")
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        if isinstance(value, dict) and (problem := _key_problem(key, place)):
            return problem
        if problem := _find(child, f"{place}[{json.dumps(key)}]", depth + 1):
            return problem
    return None


def _key_problem(key: Any, place: str) -> Problem | None:
    if not isinstance(key, str):
        return Problem(place, f"an object key must be a string, not {type(key).__name__}")
    return _scalar_problem(key, f"{place}, key {key!a}")


def _scalar_problem(value: Any, place: str) -> Problem | None:
    reason = _scalar_reason(value)
    return None if reason is None else Problem(place, reason)


def _scalar_reason(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if is_utf8(value) else LONE_SURROGATE
    if isinstance(value, int):
        long = not -_INT_BEYOND < value < _INT_BEYOND
        return f"an integer of more than {MAX_INT_DIGITS} digits" if long else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} is not JSON"
    return f"{type(value).__name__} is not a JSON type"
