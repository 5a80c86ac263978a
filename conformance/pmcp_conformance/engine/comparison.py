"""Comparing what was stored with what came back, more strictly than `==`."""

from __future__ import annotations

import math
from typing import Any

from pmcp_conformance.engine.violation import Violation
from pmcp_storage import TaskRecord


def short(value: object, most: int = 160) -> str:
    """A value's repr, its middle left out where it is long."""
    text = repr(value)
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]}…[{len(text)} characters]…{text[-most // 6 :]}"


def difference(expected: Any, observed: Any, place: str) -> tuple[str, str] | None:
    """The first place where two JSON values differ, as (expected, observed); None if nowhere.

    Stricter than ==: True is not 1, 1 is not 1.0, 0.0 is not -0.0. The order of an object's keys
    does not count.
    """
    if type(expected) is not type(observed):
        return _told(place, expected, observed)
    if isinstance(expected, dict):
        if expected.keys() != observed.keys():
            return _told(f"the keys of {place}", list(expected), list(observed))
        pairs = [(f"{place}[{short(key, 40)}]", expected[key], observed[key]) for key in expected]
    elif isinstance(expected, list):
        if len(expected) != len(observed):
            return _told(f"the length of {place}", len(expected), len(observed))
        ends = zip(expected, observed, strict=True)
        pairs = [(f"{place}[{i}]", left, right) for i, (left, right) in enumerate(ends)]
    else:
        return None if _same_scalar(expected, observed) else _told(place, expected, observed)
    found = (difference(left, right, where) for where, left, right in pairs)
    return next((told for told in found if told), None)


def _same_scalar(expected: Any, observed: Any) -> bool:
    if isinstance(expected, float):
        same_sign = math.copysign(1, expected) == math.copysign(1, observed)
        return expected == observed and same_sign
    return bool(expected == observed)


def _told(place: str, expected: Any, observed: Any) -> tuple[str, str]:
    kind = f" ({type(observed).__name__})" if type(expected) is not type(observed) else ""
    return f"{place} = {short(expected)}", f"{place} = {short(observed)}{kind}"


def same_record(expected: TaskRecord, observed: object) -> None:
    """Raise a Violation unless the observed record equals the expected one in every field."""
    if not isinstance(observed, TaskRecord):
        raise Violation("a TaskRecord", short(observed))
    for name in TaskRecord.model_fields:
        left, right = getattr(expected, name), getattr(observed, name)
        told = _compare_field(name, left, right)
        if told:
            raise Violation(*told)
    told = difference(expected.model_extra, observed.model_extra, "the record's unknown fields")
    if told:
        raise Violation(*told)


def _compare_field(name: str, expected: Any, observed: Any) -> tuple[str, str] | None:
    if name != "task":
        return difference(expected, observed, name)
    if type(expected) is not type(observed):
        return _told("task", expected, observed)
    for field in type(expected).model_fields:
        left, right = getattr(expected, field), getattr(observed, field)
        if told := difference(left, right, f"task.{field}"):
            return told
    return difference(expected.model_extra, observed.model_extra, "the task's unknown fields")
