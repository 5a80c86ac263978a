"""Calls that may never return: a rule on a backend that hangs ends all the same, as a failure.

A rule runs in a thread of its own while the thread that asked for it looks after the operations
under way. Only how long a single operation takes is judged, never how long a rule takes.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from pmcp_conformance.engine.violation import Violation
from pmcp_storage import StorageBackend

_LOOKS_EVERY = 0.2
"""Seconds between two looks at the operations under way."""

_CALLS = 6
"""Calls that tell where a thread is."""

T = TypeVar("T")


class Hang(Violation):
    """An operation has not returned in a time in which even dead storage must have answered.

    Its operations are all that are under way, and where in the code each of them is."""


class Abandoned(BaseException):
    """Ends the threads of a rule that hangs, at their next operation."""


class Watchdog:
    """The operations of a rule that are under way, in all of its threads.

    An operation hangs if it takes longer than twice `answer_within` seconds and one more, which
    a machine under load, too, leaves a healthy storage.
    """

    def __init__(self, answer_within: float) -> None:
        self._patience = 2 * answer_within + 1
        self._numbers = count()
        self._begun: dict[int, tuple[str, float, int]] = {}
        """The operations under way: their names, when they began, and in which threads."""
        self.abandoned = False

    @property
    def calls(self) -> int:
        """The operations so far."""
        return next(copy(self._numbers))

    def call(self, name: str, operation: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call an operation that touches the storage."""
        if self.abandoned:
            raise Abandoned
        number = next(self._numbers)
        self._begun[number] = (name, time.monotonic(), threading.get_ident())
        try:
            return operation(*args, **kwargs)
        finally:
            del self._begun[number]

    def join(self, thread: threading.Thread) -> None:
        """Wait for a thread of the rule."""
        while thread.is_alive():
            if self.abandoned:
                raise Abandoned
            thread.join(_LOOKS_EVERY)

    def run(self, task: Callable[[], T]) -> T:
        """Do this in a thread and return what it returns.

        Raises what it raises, or Hang when an operation does not return; the thread is then left
        to itself.
        """
        told: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                told.append(task())
            except Abandoned:
                pass
            except BaseException as error:
                errors.append(error)

        self._wait_for(start_thread(run))
        for error in errors:
            raise error
        return told[0]

    def _wait_for(self, thread: threading.Thread) -> None:
        try:
            while thread.is_alive():
                thread.join(_LOOKS_EVERY)
                self._look()
        except BaseException:
            self.abandoned = True
            raise

    def _look(self) -> None:
        now = time.monotonic()
        for name, begun, _ in list(self._begun.values()):
            if now - begun > self._patience:
                expected = f"an answer from {name} within {self._patience:g} s"
                raise Hang(expected, "none: it hangs", self._under_way())

    def _under_way(self) -> list[str]:
        frames = all_frames()
        operations = list(self._begun.values())
        return [f"{name} is {whereabouts(frames.get(thread))}" for name, _, thread in operations]


def all_frames() -> dict[int, FrameType]:
    """Where every thread is."""
    # A collection meanwhile can lock up the interpreter (CPython 3.11), so there must be none.
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()


def whereabouts(frame: FrameType | None) -> str:
    """Where a thread is, from the outermost of its last few calls to the innermost."""
    calls = traceback.extract_stack(frame, _CALLS) if frame else []
    places = [f"{Path(call.filename).name}:{call.lineno}" for call in calls]
    return f"at {', '.join(places)}" if places else "over"


class WatchedBackend:
    """A handle whose operations are watched and not noted."""

    def __init__(self, handle: StorageBackend, watch: Watchdog) -> None:
        self._handle = handle
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._handle, name)
        # No partial: a rule's own partial around it would swallow its arguments.
        return lambda *args, **kwargs: self._watch.call(name, operation, *args, **kwargs)


def start_thread(task: Callable[[], None]) -> threading.Thread:
    """A thread that the end of the process does not wait for, and that an abandoned rule ends."""

    def run() -> None:
        with suppress(Abandoned):
            task()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def close_quietly(handle: StorageBackend) -> None:
    """Close a handle whose errors no longer matter: the rules on closing judge them."""
    with suppress(Exception):
        handle.close()
