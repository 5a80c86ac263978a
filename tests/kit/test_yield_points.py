"""Where a call can be paused, and that it is paused there and nowhere else."""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.interleaving.instructions import YIELD_POINTS
from pmcp_conformance.interleaving.yield_points import (
    CodePosition,
    Pause,
    YieldPoint,
    YieldPointKind,
    pause_at,
    pause_at_rare_line,
    trace_path,
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


class Steps(list[str]):
    """Notes whatever is done with it, as one step each."""

    def _step(self, *arguments: object, **options: object) -> Any:
        self.append("step")

    __call__ = __enter__ = __exit__ = _step
    __getitem__ = __setitem__ = __delitem__ = __contains__ = _step


def two_reads(it: Any, at: int) -> None:
    it[at], it[at]


def two_slices_read(it: Any, at: int) -> None:
    it[at:], it[:at]


def two_writes(it: Any, at: int) -> None:
    it[at] = it[at] = at


def two_slices_written(it: Any, at: int) -> None:
    it[at:] = it[:at] = ()


def two_removals(it: Any, at: int) -> None:
    del it[at], it[at]


def two_look_ups(it: Any, at: int) -> None:
    assert (at in it, at in it) == (False, False)


def two_calls(it: Any, at: int) -> None:
    it(at), it(at)


def two_calls_by_name(it: Any, at: int) -> None:
    it(at=at), it(at=at)


def two_calls_with_many_arguments(it: Any, at: int) -> None:
    it(*(at, at)), it(at=at)


def two_blocks(it: Any, at: int) -> None:
    # fmt: off
    with it, it: pass  # noqa: E701
    # fmt: on


@pytest.mark.parametrize(
    "function",
    [
        *(two_reads, two_slices_read, two_writes, two_slices_written, two_removals),
        *(two_look_ups, two_calls, two_calls_by_name, two_calls_with_many_arguments, two_blocks),
    ],
)
def test_between_two_steps_of_a_line_is_a_yield_point(function: Callable[..., None]) -> None:
    done = set[int]()
    for number in range(1, 10):
        it = Steps()
        at = YieldPoint(number, WITHIN_LINE)
        pause_at(at, FILES, lambda _, it=it: done.add(len(it)), partial(function, it, 0))  # type: ignore[misc]
    assert 1 in done


def test_the_instructions_of_this_python_are_known() -> None:
    version = sys.version_info[:2]
    assert version in YIELD_POINTS, f"add Python {version} to interleaving/instructions.py"
    names = {name.partition(" ")[0] for name in YIELD_POINTS[version]}
    assert names <= dis.opmap.keys()


def test_a_library_is_paused_where_it_leaves_python(tmp_path: Path) -> None:
    file, paused = tmp_path / "file", list[str]()

    def write() -> None:
        file.write_text("text")

    for number in range(1, 10):
        pause_at(YieldPoint(number, OUTWARD_CALL), FILES, lambda p: paused.append(p.where), write)
    assert paused
    assert all(where.startswith(f"{line_of(write, 1)}, in ") for where in paused)
    library = Path(inspect.getfile(Path)).name
    assert any(f", in {library}:" in where for where in paused)


def test_traced_lines_stand_where_the_yield_points_of_that_number_pause() -> None:
    path, paused = list[CodePosition](), list[CodePosition]()
    assert trace_path(YieldPointKind.LINE, FILES, path.append, add_some) == [0, 1]
    for number in range(1, len(path) + 2):
        pause_at(YieldPoint(number), FILES, lambda pause: paused.append(pause.position), add_some)
    # The innermost function only: further out is this test itself, at two places.
    assert [position[0] for position in paused] == [position[0] for position in path]


def add_some() -> list[int]:
    seen = list[int]()
    for number in range(2):
        seen.append(number)
    return seen


def append_and_sometimes_sort(numbers: list[int], number: int) -> None:
    numbers.append(number)
    if len(numbers) % 10 == 0:
        numbers.sort()
        numbers.reverse()


@pytest.mark.parametrize(("known", "offset"), [([], 3), ([3], 4), ([3, 4], None)])
def test_many_calls_are_paused_where_few_do_not_come(known: list[int], offset: int | None) -> None:
    numbers, paused = list[int](), list[tuple[str, int]]()

    def append(count: int) -> None:
        for number in range(count):
            append_and_sometimes_sort(numbers, number)

    pause_at_rare_line(
        FILES,
        [line_of(append_and_sometimes_sort, line) for line in known],
        lambda pause: paused.append((pause.where, len(numbers))),
        partial(append, 8),
        partial(append, 8),
    )
    expected = (line_of(append_and_sometimes_sort, offset), 10) if offset else None
    assert paused[:1] == ([expected] if expected else [])
