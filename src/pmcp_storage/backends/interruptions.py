"""Exceptions of the caller's that arrive in the midst of a library's work.

A time limit or a cancellation raises an exception of its own from a signal handler, or from another
thread, wherever the program happens to be: also within a library that takes it for a failure of the
storage, wraps it and tries again. Backends ask here whether that is what happened.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from types import FrameType, TracebackType


def interruption(
    error: BaseException, libraries: Collection[str], *, outer: BaseException | None
) -> BaseException | None:
    """The caller's exception that is, or has led to, `error`; None if there is none.

    `libraries` are the top-level packages whose exceptions are failures of the storage, as those of
    the standard library are. `outer` is the exception that was handled when the operation began
    (`sys.exception()`): what led to that one has led to nothing here.
    """
    for each in chain(error, outer=outer):
        package = type(each).__module__.partition(".")[0]
        # A library may give its own exception the traceback of the one that it wraps.
        if package in libraries or package == "pmcp_storage":
            continue
        if package not in sys.stdlib_module_names or _is_from_signal_handler(each.__traceback__):
            return each
    return None


def chain(error: BaseException, *, outer: BaseException | None) -> Iterator[BaseException]:
    """The error and those that led to it, up to but without `outer`."""
    each: BaseException | None = error
    seen: set[int] = set()
    while each is not None and each is not outer and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    """The frames that an exception has passed through, outermost first."""
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _is_from_signal_handler(traceback: TracebackType | None) -> bool:
    """Whether a frame was called with the frame below it: Python calls signal handlers so."""
    interrupted = None
    for frame in frames(traceback):
        if interrupted is not None and _is_argument(interrupted, frame):
            return True
        interrupted = frame
    return False


def _is_argument(interrupted: FrameType, frame: FrameType) -> bool:
    for value in frame.f_locals.values():
        values = value if isinstance(value, tuple) else (value,)
        if any(each is interrupted for each in values):
            return True
    return False
