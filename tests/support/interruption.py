"""An exception that arrives in the midst of a call, as time limits and Ctrl-C do."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pmcp_storage
from pmcp_storage import ConcurrentModificationError, NotFoundError

_PACKAGE = str(Path(pmcp_storage.__file__).parent)


class TimeLimitReached(Exception):  # noqa: N818
    """A caller's own exception."""


def interrupted_at(instruction: int, call: Callable[[], object]) -> bool:
    """Call, raise TimeLimitReached before the instruction of that number; return if it came out.

    Instructions are those of Python code, in the call and in all that it calls, but for `logging`:
    that takes its lock an instruction before the `try` that releases it, and would keep it.
    """
    left = instruction

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename == logging.__file__:
            return None
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
        if frame.f_code.co_filename == logging.__file__:
            return None
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


class Interruption:
    """A trace function that raises TimeLimitReached at the n-th event in the package's code."""

    def __init__(self, event: str, n: int) -> None:
        self._event = event
        # The codec's instructions are very many, and it holds nothing.
        self._code = _PACKAGE if event == "line" else str(Path(_PACKAGE, "backends"))
        self._left = n
        self.struck = False

    def __enter__(self) -> None:
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(self._code):
            return None
        frame.f_trace_opcodes = self._event == "opcode"
        if event == self._event:
            self._left -= 1
            if self._left == 0:
                self.struck = True
                sys.settrace(None)
                raise TimeLimitReached
        return self._trace


def each_interruption(event: str, operation: Callable[[], object]) -> Iterator[int]:
    """Interrupt the operation at its first event, its second and so on; yield after each."""
    n = 0
    while True:
        n += 1
        interruption = Interruption(event, n)
        try:
            with interruption:
                operation()
        except TimeLimitReached:
            assert interruption.struck
        except (NotFoundError, ConcurrentModificationError):
            assert not interruption.struck  # a caller's own exception comes out
        else:
            assert not interruption.struck
        if not interruption.struck:
            return
        yield n
