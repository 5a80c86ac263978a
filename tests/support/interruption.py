"""An exception that arrives in the midst of a call, as time limits and Ctrl-C do."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class TimeLimitReached(Exception):  # noqa: N818
    """A caller's own exception."""


def interrupted_at(instruction: int, call: Callable[[], object]) -> bool:
    """Call, raise TimeLimitReached before the instruction of that number; return if it came out.

    Instructions are those of Python code, in the call and in all that it calls.
    """
    left = instruction

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise TimeLimitReached
        return trace

    before = sys.gettrace(), sys.unraisablehook
    # Python lets no exception out of a finalizer, and reports it instead.
    sys.unraisablehook = lambda _: None
    sys.settrace(trace)
    try:
        call()
    except TimeLimitReached:
        return True
    finally:
        sys.settrace(before[0])
        sys.unraisablehook = before[1]
    return False


def instructions_of(call: Callable[[], object]) -> int:
    """How many instructions a call executes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@contextmanager
def time_limit(seconds: float, error: type[Exception]) -> Iterator[None]:
    """Have a signal handler raise that error after so many seconds."""

    def ring(*_: Any) -> None:
        raise error

    former = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
