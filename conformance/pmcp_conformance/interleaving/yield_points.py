"""The yield points of a call: where another call, or a kill, can come in between.

They are the lines of the backend's own code; within a line every call or look-up but the first,
since `rows[key] = rows[key] + 1` is a race too (`instructions`); and in the libraries that a line
calls, whatever leaves Python: for a file, a socket, a database or a lock.

They come from Python's tracing. A tracer or profiler that is there already, such as a debugger's or
a coverage tool's, is left alone, and there are no yield points then.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from enum import Enum
from types import FrameType
from typing import Any, NamedTuple

from pmcp_conformance.interleaving.instructions import columns_within_lines

_TIMES = 3
"""How often code that is repeated counts as yield points; the fourth time shows nothing new."""

_OUTWARD = {
    *("io", "_io", "posix", "nt", "fcntl", "msvcrt", "mmap", "select", "_socket", "_ssl"),
    *("sqlite3", "_dbm", "_gdbm", "_thread", "_queue"),
}
"""The modules whose functions and objects leave Python."""

Files = tuple[str, ...]
"""How the names of the files begin that hold the backend's own code."""

CodePosition = tuple[tuple[int, int], ...]
"""Where a call stands: the code and the instruction of each of the backend's functions that are
under way, the innermost first."""


class YieldPointKind(Enum):
    """The kinds of yield points, in the order in which they are tried."""

    LINE = "line"
    WITHIN_LINE = "place within a line"
    OUTWARD_CALL = "call that leaves Python"


class YieldPoint(NamedTuple):
    """The yield point of a call with this number, from 1 on, among those of its kind."""

    number: int
    kind: YieldPointKind = YieldPointKind.LINE

    def __str__(self) -> str:
        return f"{self.kind.value} {self.number}"


class Pause(NamedTuple):
    """Where a call has come to a yield point."""

    where: str
    """For a reader: `store.py:41`."""

    position: CodePosition


def pause_at(
    point: YieldPoint,
    files: Files,
    on_pause: Callable[[Pause], object],
    call: Callable[[], object],
) -> object:
    """Make a call and, when it comes to that yield point, do something before it goes on.

    Returns what the call returns, and raises what it or `on_pause` raises. `on_pause` is not called
    if the call has fewer yield points. Code that is repeated counts its first three times only.
    """
    number_of = _numbering()

    def visit(frame: FrameType, where: Callable[[], str]) -> None:
        if number_of(frame) == point.number:
            on_pause(Pause(where(), _position(frame, files)))

    return _TRACING[point.kind](call, files, visit)


def trace_lines(
    files: Files, on_line: Callable[[CodePosition], object], call: Callable[[], object]
) -> object:
    """Make a call and report where it stands at its first line, its second and so on, numbered as
    `pause_at` does; what the call returns."""
    number_of = _numbering()

    def visit(frame: FrameType, _: object) -> None:
        if number_of(frame):
            on_line(_position(frame, files))

    return _trace_lines(call, files, visit)


Visit = Callable[[FrameType, Callable[[], str]], object]
"""Called at a yield point with its frame and a function that says where it is."""


def _numbering() -> Callable[[FrameType], int | None]:
    """A function that numbers the yield points at which it is called; None for one that has come
    too often."""
    passed, times = 0, Counter[tuple[int, int]]()

    def number_of(frame: FrameType) -> int | None:
        nonlocal passed
        instruction = (id(frame.f_code), frame.f_lasti)
        times[instruction] += 1
        if times[instruction] > _TIMES:
            return None
        passed += 1
        return passed

    return number_of


def _trace_lines(call: Callable[[], object], files: Files, visit: Visit) -> object:
    def on_event(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            visit(frame, lambda: _line(frame))
        return on_event

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        return on_event if frame.f_code.co_filename.startswith(files) else None

    return _call_traced(call, on_call)


def _trace_within_lines(call: Callable[[], object], files: Files, visit: Visit) -> object:
    def on_event(frame: FrameType, event: str, argument: object) -> Any:
        columns = columns_within_lines(frame.f_code)
        column = columns.get(frame.f_lasti) if event == "opcode" else None
        if column is not None:
            visit(frame, lambda: f"{_line(frame)}:{column}")
        return on_event

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(files) or not columns_within_lines(code):
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return on_event

    return _call_traced(call, on_call)


def _trace_outward_calls(call: Callable[[], object], files: Files, visit: Visit) -> object:
    def on_event(frame: FrameType, event: str, argument: object) -> None:
        if event != "c_call" or not _leaves_python(argument):
            return
        caller = _caller(frame, files)
        if caller is not None and caller is not frame:
            visit(frame, lambda: f"{_line(caller)}, in {_line(frame)}")

    if sys.getprofile() is not None:
        return call()
    sys.setprofile(on_event)
    try:
        return call()
    finally:
        sys.setprofile(None)


_TRACING = {
    YieldPointKind.LINE: _trace_lines,
    YieldPointKind.WITHIN_LINE: _trace_within_lines,
    YieldPointKind.OUTWARD_CALL: _trace_outward_calls,
}
"""How a call is made so that the yield points of a kind are visited."""


def _call_traced(call: Callable[[], object], trace: Any) -> object:
    if sys.gettrace() is not None:
        return call()
    sys.settrace(trace)
    try:
        return call()
    finally:
        sys.settrace(None)


def _leaves_python(function: Any) -> bool:
    owner = type(getattr(function, "__self__", None))
    return (getattr(function, "__module__", None) or owner.__module__) in _OUTWARD


def _caller(frame: FrameType | None, files: Files) -> FrameType | None:
    """The frame of the backend's own code that this one works for."""
    while frame is not None and not frame.f_code.co_filename.startswith(files):
        frame = frame.f_back
    return frame


def _position(frame: FrameType | None, files: Files) -> CodePosition:
    position = list[tuple[int, int]]()
    while frame is not None:
        if frame.f_code.co_filename.startswith(files):
            position.append((id(frame.f_code), frame.f_lasti))
        frame = frame.f_back
    return tuple(position)


def _line(frame: FrameType) -> str:
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
