"""Trace and profile functions beside those of a coverage tool, a debugger or a profiler.

Python has room for one function of each kind in a thread. What is there already sees the same
events as before, and is alone again at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.violation import Inconclusive

TraceFunction = Callable[[FrameType, str, Any], Any]
"""As `sys.settrace` takes it: it returns the function that sees the lines of the frame, or None."""

_REMEDY = "run this rule without it"

T = TypeVar("T")


def call_traced(trace: TraceFunction, call: Callable[[], T]) -> T:
    """Make a call under a trace function; what the call returns.

    Raises what the call raises, and Inconclusive if something has taken the trace function's place
    meanwhile, or does not share it.
    """
    other = sys.gettrace()
    function = beside(other, trace)
    sys.settrace(function)
    try:
        attempt = Attempt.of(call)
        was_displaced = sys.gettrace() is not function
    finally:
        sys.settrace(other)
    if was_displaced:
        raise displaced() from attempt.error
    result: T = attempt.unwrap()
    return result


def call_profiled(profile: TraceFunction, call: Callable[[], T]) -> T:
    """Make a call under a profile function; what the call returns.

    Raises what the call raises, and Inconclusive if a profiler does not share its place.
    """
    other: Any = sys.getprofile()
    _check_that_it_shares(other)

    def both(frame: FrameType, event: str, argument: object) -> None:
        other(frame, event, argument)
        profile(frame, event, argument)

    sys.setprofile(profile if other is None else both)
    try:
        return call()
    finally:
        sys.setprofile(other)


def beside(other: Any, own: TraceFunction) -> TraceFunction:
    """A trace function that does what both do; the other one may be None.

    Raises Inconclusive for one that cannot be called, and so cannot be told of events.
    """
    _check_that_it_shares(other)
    return own if other is None else _Beside(own, other)


def in_new_threads(hook: Any, own: TraceFunction) -> TraceFunction:
    """A function for `threading.settrace`, beside the hook that stands there, which may be None.

    Raises Inconclusive for a hook that cannot be called.
    """
    _check_that_it_shares(hook)

    def begin(frame: FrameType, event: str, argument: object) -> Any:
        function = _Beside(own, hook)
        sys.settrace(function)
        return function(frame, event, argument)

    return own if hook is None else begin


def displaced() -> Inconclusive:
    """What to raise where the trace function is gone that one has set."""
    return Inconclusive(
        "something, such as a debugger, has replaced the trace function by which calls are "
        f"interleaved: {_REMEDY}"
    )


def _check_that_it_shares(other: Any) -> None:
    if other is not None and not callable(other):
        kind = f"{type(other).__module__}.{type(other).__qualname__}"
        raise Inconclusive(
            f"calls cannot be interleaved beside {kind}, which traces or profiles this thread and "
            f"shares that with nothing: {_REMEDY}"
        )


class _Beside:
    """A trace function that keeps its place while another one sees the same events."""

    def __init__(self, own: TraceFunction, other: TraceFunction) -> None:
        self._own = own
        self._other: Any = other

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        theirs = self._other and self._shown(self._other, frame, event, argument)
        ours = self._own(frame, event, argument)
        return self._of_frame(ours, theirs) if ours and theirs else ours or theirs

    def _of_frame(self, ours: TraceFunction, theirs: TraceFunction) -> TraceFunction:
        def both(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal theirs
            if event != "opcode":  # which only ours has asked for
                theirs = self._shown(theirs, frame, event, argument) or theirs
            ours(frame, event, argument)
            return both

        return both

    def _shown(self, function: TraceFunction, *event: Any) -> Any:
        """What the other function returns, which may have put another one in its place and ours:
        coverage tools do so at calls, and debuggers when nothing is left to stop at."""
        result = function(*event)
        installed = sys.gettrace()
        if installed is not self:
            self._other = installed
            sys.settrace(self)
        return result
