"""Whose doing it is that something went wrong: the backend's, or that of the code around it."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType

from pmcp_conformance.engine.tracebacks import authors_frames
from pmcp_storage import AsyncStorageBackend, StorageBackend, StorageError

PLACES_SHOWN = 6
"""How many calls of a stack say where something is."""

_REFUSALS = frozenset(
    (
        errno.EACCES,
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
    )
)
"""What a system says that lets a process have no more of something, or not at all."""

_REMEDIES = {
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "allow more open files on this machine",
    errno.EAGAIN: "allow more processes (ulimit -u)",
    errno.ENOMEM: "free memory",
}
"""What to do about refusals; the others are about files."""


def is_backends(error: Exception) -> bool:
    """Whether an error came out of a backend: by its kind, or because its code was reached."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return isinstance(error, StorageError) or reaches_backend(frames)


def reaches_backend(frames: Iterable[FrameType]) -> bool:
    """Whether a method of a backend is among these calls."""
    return any(map(_is_of_backend, frames))


def _is_of_backend(frame: FrameType) -> bool:
    kinds = StorageBackend, AsyncStorageBackend
    local = frame.f_locals
    kind = local.get("cls")
    return isinstance(local.get("self"), kinds) or (
        isinstance(kind, type) and issubclass(kind, kinds)
    )


def refusal_text(error: Exception) -> str:
    """What the system has refused to the kit, and what to do about it; empty if it is not that."""
    if is_backends(error):
        return ""
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        remedy = _REMEDIES.get(error.errno, "give the run a TMPDIR with room that it may write to")
        return f"this machine refused what the check needs: {error}: {remedy}"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return f"this machine refused what the check needs: {error}: {_REMEDIES[errno.EAGAIN]}"
    return ""


def places(error: BaseException) -> str:
    """Where an error was raised: its last few calls outside of the kit, the innermost last."""
    return _places_text(authors_frames(traceback.extract_tb(error.__traceback__)))


def whereabouts(frame: FrameType | None) -> str:
    """Where a thread is, from the outermost of its last few calls to the innermost."""
    places = _places_text(traceback.extract_stack(frame)) if frame else ""
    return f"at {places}" if places else "over"


def place_of_frames(frames: Sequence[FrameType]) -> str:
    """Where these calls are, the innermost last."""
    located = iter([(frame, frame.f_lineno) for frame in frames])
    return f"at {_places_text(traceback.StackSummary.extract(located, lookup_lines=False))}"


def _places_text(calls: Sequence[traceback.FrameSummary]) -> str:
    return ", ".join(f"{Path(call.filename).name}:{call.lineno}" for call in calls[-PLACES_SHOWN:])
