"""The yield points of a call: where another call, or a kill, can come in between.

They are the lines of the backend's own code; within a line every call or look-up but the first,
since `rows[key] = rows[key] + 1` is a race too (`instructions`); and in the libraries that a line
calls, whatever leaves Python: for a file, a socket, a database or a lock. Coroutines of an async
backend have another kind first: wherever they have waited, and others had their turn.

They come from Python's tracing, beside whatever uses that already (`tracing`).
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from enum import Enum
from functools import partial
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from pmcp_conformance.interleaving.instructions import columns_within_lines, trace_opcodes
from pmcp_conformance.interleaving.tracing import call_profiled, call_traced
from pmcp_conformance.stepping import AnyCoroutine, stepping, waiting_frames

T = TypeVar("T")

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

    AWAIT = "await"
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

    Returns what the call returns, and raises what it or `on_pause` raises, and Inconclusive where
    yield points cannot be had. `on_pause` is not called if the call has fewer yield points. Code
    that is repeated counts its first three times only.
    """
    number_of = numbering()

    def visit(frame: FrameType, where: Callable[[], str]) -> Action:
        if number_of(frame) != point.number:
            return None
        return partial(on_pause, Pause(where(), _position(frame, files)))

    return _TRACING[point.kind](call, files, visit)


def pause_at_rare_line(
    files: Files,
    known: Collection[str],
    on_pause: Callable[[Pause], object],
    few: Callable[[], object],
    many: Callable[[], object],
) -> object:
    """Make two calls and, when the second comes to a line that the first has not come to and that
    is not `known` either, as `store.py:41`, do something before it goes on.

    Returns what the second returns, and raises as `pause_at` does.
    """
    passed = set(known)

    def note(frame: FrameType, where: Callable[[], str]) -> None:
        passed.add(where())

    def visit(frame: FrameType, where: Callable[[], str]) -> Action:
        if where() in passed:
            return None
        return partial(on_pause, Pause(where(), _position(frame, files)))

    _trace_lines(few, files, note)
    return _trace_lines(many, files, visit)


def trace_path(
    kind: YieldPointKind,
    files: Files,
    on_point: Callable[[CodePosition], object],
    call: Callable[[], object],
) -> object:
    """Make a call and report where it stands at its first yield point of the kind, its second and
    so on, numbered as `pause_at` does; what the call returns."""
    number_of = numbering()

    def visit(frame: FrameType, _: object) -> None:
        if number_of(frame):
            on_point(_position(frame, files))

    return _TRACING[kind](call, files, visit)


Action = Callable[[], object] | None
"""What is done at a yield point, before the call goes on."""

Visit = Callable[[FrameType, Callable[[], str]], Action]
"""Called at a yield point with its frame and a function that says where it is."""


def _act(action: Action) -> None:
    if action is not None:
        action()


def numbering() -> Callable[[FrameType], int | None]:
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
            _act(visit(frame, lambda: line_of(frame)))
        return on_event

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        return on_event if frame.f_code.co_filename.startswith(files) else None

    return call_traced(on_call, call)


def _trace_within_lines(call: Callable[[], object], files: Files, visit: Visit) -> object:
    def on_event(frame: FrameType, event: str, argument: object) -> Any:
        columns = columns_within_lines(frame.f_code)
        column = columns.get(frame.f_lasti) if event == "opcode" else None
        if column is not None:
            _act(visit(frame, lambda: f"{line_of(frame)}:{column}"))
        return on_event

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(files) or not columns_within_lines(code):
            return None
        trace_opcodes(frame, on_event)
        return on_event

    return call_traced(on_call, call)


def _trace_outward_calls(call: Callable[[], object], files: Files, visit: Visit) -> object:
    def on_event(frame: FrameType, event: str, argument: object) -> None:
        if event != "c_call" or not _leaves_python(argument):
            return
        caller = _caller(frame, files)
        if caller is not None and caller is not frame:
            _act(visit(frame, lambda: f"{line_of(caller)}, in {line_of(frame)}"))

    return _call_in_steps(call, partial(call_profiled, on_event))


def _trace_awaits(call: Callable[[], object], files: Files, visit: Visit) -> object:
    with stepping(_AtAwaits(files, visit)):
        return call()


class _AtAwaits:
    """Visits the places where a coroutine has waited, before it goes on."""

    def __init__(self, files: Files, visit: Visit) -> None:
        self._files = files
        self._visit = visit

    def resume(self, coroutine: AnyCoroutine, step: Callable[[], T]) -> T:
        return step()

    def hold(self, coroutine: AnyCoroutine) -> Awaitable[object] | None:
        frame = own_frame(coroutine, self._files)
        action = self._visit(frame, lambda: line_of(frame)) if frame else None
        # In another thread, so that the event loop is free for whatever else is under way.
        return None if action is None else asyncio.to_thread(action)


_TRACING = {
    YieldPointKind.AWAIT: _trace_awaits,
    YieldPointKind.LINE: _trace_lines,
    YieldPointKind.WITHIN_LINE: _trace_within_lines,
    YieldPointKind.OUTWARD_CALL: _trace_outward_calls,
}
"""How a call is made so that the yield points of a kind are visited."""


def _call_traced(call: Callable[[], object], trace: Any) -> object:
    return _call_in_steps(call, partial(call_traced, trace))


class _Under:
    """Resumes coroutines under a tracer, in whichever thread they run."""

    def __init__(self, traced: Callable[[Callable[[], Any]], Any]) -> None:
        self._traced = traced

    def resume(self, coroutine: AnyCoroutine, step: Callable[[], T]) -> T:
        result: T = self._traced(step)
        return result

    def hold(self, coroutine: AnyCoroutine) -> None:
        """Nothing happens where it waits."""


def _call_in_steps(call: Callable[[], object], traced: Callable[[Any], object]) -> object:
    with stepping(_Under(traced)):
        return traced(call)


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


def own_frame(coroutine: AnyCoroutine, files: Files) -> FrameType | None:
    """Where a coroutine that waits does so in the backend's own code; None if nowhere."""
    frames = [
        frame for frame in waiting_frames(coroutine) if frame.f_code.co_filename.startswith(files)
    ]
    return frames[-1] if frames else None


def line_of(frame: FrameType) -> str:
    """A line for a reader: `store.py:41`."""
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
