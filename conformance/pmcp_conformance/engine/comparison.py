"""Comparing what was stored with what came back, more strictly than `==`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pmcp_conformance.engine.violation import Violation
from pmcp_storage import Task, TaskRecord


def short(value: object, most: int = 160) -> str:
    """A value's repr, its middle left out where it is long."""
    return short_text(repr(value), most)


def short_text(text: str, most: int) -> str:
    """A text, its middle left out where it is long."""
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]}…[{len(text)} characters]…{text[-most // 6 :]}"


def short_apart(expected: object, observed: object, most: int = 160) -> tuple[str, str]:
    """Two values that differ, in short: where that leaves out the difference, what is around it."""
    one, other = repr(expected), repr(observed)
    if short_text(one, most) != short_text(other, most):
        return short_text(one, most), short_text(other, most)
    alike = len(common_start(one, other))
    begin, end = max(0, alike - most // 4), alike + most
    return f"…{one[begin:end]}…", f"…{other[begin:end]}…"


def common_start(one: str, other: str) -> str:
    """What both texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    differing = (number for number, (mine, others) in pairs if mine != others)
    return one[: next(differing, min(len(one), len(other)))]


def expect_same_record(expected: TaskRecord, observed: object) -> None:
    """Raise a Violation unless the observed record equals the expected one in every field.

    Stricter than ==: True is not 1, 1 is not 1.0, 0.0 is not -0.0. The order of an object's keys
    does not count.
    """
    if not isinstance(observed, TaskRecord):
        raise Violation("a TaskRecord", short(observed))
    for difference in _record_differences(expected, observed):
        raise difference


def _record_differences(expected: TaskRecord, observed: TaskRecord) -> Iterator[Violation]:
    for name in TaskRecord.model_fields:
        left, right = getattr(expected, name), getattr(observed, name)
        if name == "task" and type(left) is type(right):
            yield from _task_differences(left, right)
        else:
            yield from _differences(left, right, name)
    extra = expected.model_extra, observed.model_extra
    yield from _differences(*extra, "the record's unknown fields")


def _task_differences(expected: Task, observed: Task) -> Iterator[Violation]:
    for name in Task.model_fields:
        left, right = getattr(expected, name), getattr(observed, name)
        yield from _differences(left, right, f"task.{name}")
    extra = expected.model_extra, observed.model_extra
    yield from _differences(*extra, "the task's unknown fields")


def _differences(expected: Any, observed: Any, place: str) -> Iterator[Violation]:
    if type(expected) is not type(observed):
        kind = type(observed).__name__
        yield Violation(f"{place} = {short(expected)}", f"{place} = {short(observed)} ({kind})")
    elif isinstance(expected, dict):
        yield from _dict_differences(expected, observed, place)
    elif isinstance(expected, list):
        yield from _list_differences(expected, observed, place)
    elif not _same_scalar(expected, observed):
        yield _difference(expected, observed, place)


def _difference(expected: Any, observed: Any, place: str) -> Violation:
    one, other = short_apart(expected, observed)
    return Violation(f"{place} = {one}", f"{place} = {other}")


def _dict_differences(
    expected: dict[Any, Any], observed: dict[Any, Any], place: str
) -> Iterator[Violation]:
    if expected.keys() != observed.keys():
        yield _difference(list(expected), list(observed), f"the keys of {place}")
        return
    for key, value in expected.items():
        yield from _differences(value, observed[key], f"{place}[{short(key, 40)}]")


def _list_differences(expected: list[Any], observed: list[Any], place: str) -> Iterator[Violation]:
    if len(expected) != len(observed):
        yield _difference(len(expected), len(observed), f"the length of {place}")
        return
    for index, (left, right) in enumerate(zip(expected, observed, strict=True)):
        yield from _differences(left, right, f"{place}[{index}]")


def _same_scalar(expected: Any, observed: Any) -> bool:
    if isinstance(expected, float):
        same_sign = math.copysign(1, expected) == math.copysign(1, observed)
        return expected == observed and same_sign
    return bool(expected == observed)
