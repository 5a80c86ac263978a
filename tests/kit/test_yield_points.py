"""Where a call can be paused, and that it is paused there and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from pmcp_conformance.interleaving.yield_points import (
    CodePosition,
    Pause,
    YieldPoint,
    YieldPointKind,
    pause_at,
    trace_lines,
)

FILES = (__file__,)
WITHIN_LINE, OUTWARD_CALL = YieldPointKind.WITHIN_LINE, YieldPointKind.OUTWARD_CALL


def append_twice(seen: list[str]) -> str:
    seen.append("one")
    seen.append("two")
    return "three"


def append_in_a_loop(seen: list[int]) -> None:
    for number in range(10):
        seen.append(number)


def add_in_one_line(sums: dict[str, int]) -> None:
    sums["total"] = sums["total"] + sums["more"]


def line_of(function: Callable[..., object], offset: int) -> str:
    """As reports name the line so many lines below the function's first."""
    return f"{Path(__file__).name}:{function.__code__.co_firstlineno + offset}"


def test_a_call_is_paused_before_the_line_with_that_number() -> None:
    seen, paused = list[str](), list[tuple[str, list[str]]]()
    result = pause_at(
        YieldPoint(2),
        FILES,
        lambda pause: paused.append((pause.where, list(seen))),
        lambda: append_twice(seen),
    )
    # The first line is that of the lambda.
    assert paused == [(line_of(append_twice, 1), [])]
    assert (result, seen) == ("three", ["one", "two"])


def test_a_call_with_fewer_lines_is_not_paused() -> None:
    paused = list[Pause]()
    assert pause_at(YieldPoint(5), FILES, paused.append, lambda: append_twice([])) == "three"
    assert paused == []


def test_a_line_in_a_loop_counts_its_first_three_times_only() -> None:
    passes = set[int]()
    for number in range(1, 30):
        seen = list[int]()
        pause_at(
            YieldPoint(number),
            FILES,
            lambda _, seen=seen: passes.add(len(seen)),  # type: ignore[misc]
            lambda seen=seen: append_in_a_loop(seen),  # type: ignore[misc]
        )
    assert passes == {0, 1, 2, 3}


def test_one_line_is_several_steps() -> None:
    for number in range(1, 10):
        sums, paused = {"total": 1, "more": 1}, list[str]()

        def change(pause: Pause, sums: dict[str, int] = sums, paused: list[str] = paused) -> None:
            paused.append(pause.where)
            sums["total"] = 10

        pause_at(YieldPoint(number, WITHIN_LINE), FILES, change, lambda s=sums: add_in_one_line(s))  # type: ignore[misc]
        if sums["total"] == 2:  # the change in between was lost
            assert paused[0].startswith(line_of(add_in_one_line, 1) + ":")
            return
    pytest.fail("no yield point lies between reading and writing the total")


def test_a_library_is_paused_where_it_leaves_python(tmp_path: Path) -> None:
    file, paused = tmp_path / "file", list[str]()

    def write() -> None:
        file.write_text("text")

    for number in range(1, 10):
        pause_at(YieldPoint(number, OUTWARD_CALL), FILES, lambda p: paused.append(p.where), write)
    assert paused
    assert all(where.startswith(f"{line_of(write, 1)}, in ") for where in paused)
    assert any(", in pathlib.py:" in where for where in paused)


def test_traced_lines_stand_where_the_yield_points_of_that_number_pause() -> None:
    path, paused = list[CodePosition](), list[CodePosition]()
    assert trace_lines(FILES, path.append, add_some) == [0, 1]
    for number in range(1, len(path) + 2):
        pause_at(YieldPoint(number), FILES, lambda pause: paused.append(pause.position), add_some)
    # The innermost function only: further out is this test itself, at two places.
    assert [position[0] for position in paused] == [position[0] for position in path]


def add_some() -> list[int]:
    seen = list[int]()
    for number in range(2):
        seen.append(number)
    return seen


def test_a_debugger_is_left_alone_and_nothing_is_paused() -> None:
    def debugger(frame: FrameType, event: str, argument: object) -> None:
        return None

    before, paused = sys.gettrace(), list[Pause]()
    sys.settrace(debugger)
    try:
        pause_at(YieldPoint(1), FILES, paused.append, lambda: append_twice([]))
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(before)
    assert paused == []
