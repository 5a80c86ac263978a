"""The places of an operation at which something else can come in between, one after the other.

They are the lines of the backend's own code; within a line every call or look-up but the first,
since `rows[key] = rows[key] + 1` is a race too; and in the libraries that a line calls, whatever
reaches out of Python code: to a file, a socket, a database or a lock.
"""

from __future__ import annotations

import dis
import os
import sys
from collections import Counter
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

_TIMES = 3
"""Of a place that is passed again and again; the fourth time shows nothing new."""

_ACTS = ("CALL", "BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR", "CONTAINS_OP", "BEFORE_WITH")
"""How the names of the instructions begin that call, look something up, change something, or enter
a `with`."""

_OUTWARD = {
    *("io", "_io", "posix", "nt", "fcntl", "msvcrt", "mmap", "select", "_socket", "_ssl"),
    *("sqlite3", "_dbm", "_gdbm", "_thread", "_queue"),
}
"""The modules whose functions and objects reach out of Python code."""

Files = tuple[str, ...]
"""How the names of the files begin that hold the backend's own code."""

CodePosition = tuple[tuple[int, int], ...]
"""A function's code and instruction, for each function of the backend's that is under way."""


class Pause(NamedTuple):
    """Where a call has come to a place."""

    where: str
    """For a reader: `store.py:41`."""

    spot: CodePosition


Act = Callable[[Pause], object]
"""What is done at a place."""


class YieldPointKind(Enum):
    """The kinds of places, in the order in which they are tried."""

    LINE = "line"
    WITHIN = "place within a line"
    BENEATH = "place beneath a line"


class YieldPoint(NamedTuple):
    """The so-and-so-many-th place of its kind, from 1 on, that a call passes."""

    number: int
    kind: YieldPointKind = YieldPointKind.LINE

    def __str__(self) -> str:
        return f"{self.kind.value} {self.number}"


NOWHERE = YieldPoint(0)
"""A place that no call comes to."""


def pause_at(place: YieldPoint, files: Files, act: Act, call: Callable[[], object]) -> object:
    """Make a call, and do something once when it comes to that place; what the call returns.

    A place in a loop counts its first times only."""
    number = _numbering()

    def at(frame: FrameType, tell: Callable[[], str]) -> None:
        if number(frame) == place.number:
            act(Pause(tell(), _spot(frame, files)))

    return _TRACING[place.kind](call, files, at)


def walked(files: Files, call: Callable[[], object]) -> list[CodePosition]:
    """Make a call; where it stands at its first line, its second and so on."""
    number, passed = _numbering(), list[CodePosition]()

    def at(frame: FrameType, _: object) -> None:
        if number(frame):
            passed.append(_spot(frame, files))

    _at_lines(call, files, at)
    return passed


At = Callable[[FrameType, Callable[[], str]], object]
"""Called at a place with its frame and with what tells where it is."""


def _numbering() -> Callable[[FrameType], int | None]:
    """Numbers the places that it is called at, from 1 on; None where one has had its numbers."""
    passed, times = 0, Counter[tuple[int, int]]()

    def number(frame: FrameType) -> int | None:
        nonlocal passed
        here = (id(frame.f_code), frame.f_lasti)
        times[here] += 1
        if times[here] > _TIMES:
            return None
        passed += 1
        return passed

    return number


def _at_lines(call: Callable[[], object], files: Files, at: At) -> object:
    def on_event(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            at(frame, lambda: _line(frame))
        return on_event

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        return on_event if frame.f_code.co_filename.startswith(files) else None

    return _traced(call, on_call)


def _within_lines(call: Callable[[], object], files: Files, at: At) -> object:
    def on_event(frame: FrameType, event: str, argument: object) -> Any:
        column = _columns(frame.f_code).get(frame.f_lasti) if event == "opcode" else None
        if column is not None:
            at(frame, lambda: f"{_line(frame)}:{column}")
        return on_event

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(files) or not _columns(code):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return on_event

    return _traced(call, on_call)


def _beneath_lines(call: Callable[[], object], files: Files, at: At) -> object:
    def on_event(frame: FrameType, event: str, argument: object) -> None:
        if event != "c_call" or not _reaches_out(argument):
            return
        caller = _caller(frame, files)
        if caller is not None and caller is not frame:
            at(frame, lambda: f"{_line(caller)}, in {_line(frame)}")

    if sys.getprofile() is not None:
        return call()  # a profiler's is left alone
    sys.setprofile(on_event)
    try:
        return call()
    finally:
        sys.setprofile(None)


_TRACING = {
    YieldPointKind.LINE: _at_lines,
    YieldPointKind.WITHIN: _within_lines,
    YieldPointKind.BENEATH: _beneath_lines,
}
"""What makes a call under the tracer that finds the places of a kind."""


def _traced(call: Callable[[], object], trace: Any) -> object:
    if sys.gettrace() is not None:
        return call()  # a debugger's, or a coverage tool's, is left alone
    sys.settrace(trace)
    try:
        return call()
    finally:
        sys.settrace(None)


def _reaches_out(function: Any) -> bool:
    owner = type(getattr(function, "__self__", None))
    return (getattr(function, "__module__", None) or owner.__module__) in _OUTWARD


def _caller(frame: FrameType | None, files: Files) -> FrameType | None:
    """The frame of the backend's own code that this one works for."""
    while frame is not None and not frame.f_code.co_filename.startswith(files):
        frame = frame.f_back
    return frame


def _spot(frame: FrameType | None, files: Files) -> CodePosition:
    spot = list[tuple[int, int]]()
    while frame is not None:
        if frame.f_code.co_filename.startswith(files):
            spot.append((id(frame.f_code), frame.f_lasti))
        frame = frame.f_back
    return tuple(spot)


def _line(frame: FrameType) -> str:
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


@lru_cache(maxsize=1_000)
def _columns(code: CodeType) -> dict[int, int]:
    """Of a function's places within lines, the offset of the instruction and its column."""
    found, begun = dict[int, int](), set[int | None]()
    for instruction in dis.get_instructions(code):
        at = instruction.positions
        if at is None or not instruction.opname.startswith(_ACTS):
            continue
        if at.lineno in begun:
            found[instruction.offset] = (at.col_offset or 0) + 1
        begun.add(at.lineno)
    return found
