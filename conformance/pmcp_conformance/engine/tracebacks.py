"""The traceback of an author's error: where the backend or the target failed, without the kit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException, extract_tb

from pmcp_storage import backend

_KIT = str(Path(__file__).parents[1])

_INSTALLED = ("site-packages", "dist-packages")


def authors_traceback(error: BaseException) -> str:
    """The error's traceback, and those of its causes, as Python prints them, without frames of the
    kit; all of an error that never left the kit.
    """
    trace = TracebackException.from_exception(error)
    for part in _chain(trace):
        part.stack = StackSummary.from_list(authors_frames(part.stack) or part.stack)
    return "".join(trace.format())


def authors_place(error: BaseException) -> str:
    """Where in the author's own code the error came up, as `store.py:41 in get`: not in a library
    that this code called; "" if the error never left the kit.
    """
    frames = authors_frames(extract_tb(error.__traceback__))
    frames = [frame for frame in frames if frame.filename != backend.__file__]
    own = [frame for frame in frames if _is_beside(frame.filename, frames[0].filename)]
    return f"{os.path.basename(own[-1].filename)}:{own[-1].lineno} in {own[-1].name}" if own else ""


def _is_beside(file: str, first: str) -> bool:
    """Whether a file is the first one, or in its folder or below it, and no installed library."""
    folder = os.path.dirname(first)
    if file == first or os.path.basename(folder) in _INSTALLED:
        return file == first
    below = file.removeprefix(folder + os.sep)
    return below != file and not any(name in below for name in _INSTALLED)


def authors_frames(stack: StackSummary) -> list[FrameSummary]:
    """The frames from the kit's last call into an author's code to where that failed."""
    kits = [at for at, frame in enumerate(stack) if frame.filename.startswith(_KIT)]
    return stack[kits[-1] + 1 :] if kits else stack


def _chain(trace: TracebackException | None) -> Iterator[TracebackException]:
    """A traceback and those of its causes and contexts."""
    if trace is not None:
        yield trace
        yield from _chain(trace.__cause__)
        yield from _chain(trace.__context__)
