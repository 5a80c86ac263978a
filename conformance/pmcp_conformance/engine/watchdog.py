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
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from pmcp_conformance.engine.violation import Violation
from pmcp_storage import StorageBackend

_INTERVAL = 0.2
"""Seconds between two looks at the operations under way."""

_CALLS = 6
"""How many calls of a thread's stack say where it is."""

T = TypeVar("T")


class Hang(Violation):
    """An operation has not returned in a time in which even dead storage must have answered.

    Its operations are all that are under way, and where in the code each of them is.
    """


class Abandoned(BaseException):
    """Ends the threads of a rule that hangs, at their next operation."""


@dataclass(frozen=True)
class _Underway:
    """An operation that has not returned yet."""

    name: str
    begun: float
    thread: int


class Watchdog:
    """The operations of a rule that are under way, in all of its threads.

    An operation hangs if it takes longer than twice `answer_within` seconds and one more, which
    a healthy storage meets even on a machine under load.
    """

    def __init__(self, answer_within: float) -> None:
        self._patience = 2 * answer_within + 1
        self.calls = 0
        """The operations so far."""
        self._counting = threading.Lock()
        self._underway: dict[int, _Underway] = {}
        self.abandoned = False
        """Whether the rule has been left to itself, because an operation hangs."""

    def call(self, name: str, operation: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call an operation that touches the storage; `name` is what a report calls it."""
        if self.abandoned:
            raise Abandoned
        with self._counting:
            self.calls += 1
            number = self.calls
        self._underway[number] = _Underway(name, time.monotonic(), threading.get_ident())
        try:
            return operation(*args, **kwargs)
        finally:
            del self._underway[number]

    def join(self, thread: threading.Thread) -> None:
        """Wait for a thread of the rule."""
        while thread.is_alive():
            if self.abandoned:
                raise Abandoned
            thread.join(_INTERVAL)

    def run(self, task: Callable[[], T]) -> T:
        """Run a task in a thread and return what it returns.

        Raises what it raises, or Hang when an operation does not return; the thread is then left
        to itself.
        """
        future: Future[T] = Future()
        self._wait_for(start_thread(lambda: _settle(future, task)))
        return future.result(timeout=0)

    def _wait_for(self, thread: threading.Thread) -> None:
        try:
            while thread.is_alive():
                thread.join(_INTERVAL)
                self._look()
        except BaseException:
            self.abandoned = True
            raise

    def _look(self) -> None:
        now = time.monotonic()
        operations = list(self._underway.values())
        for operation in operations:
            if now - operation.begun > self._patience:
                expected = f"an answer from {operation.name} within {self._patience:g} s"
                raise Hang(expected, "none: it hangs", _places(operations))


def _settle(future: Future[T], task: Callable[[], T]) -> None:
    try:
        future.set_result(task())
    except BaseException as error:
        future.set_exception(error)


def _places(operations: list[_Underway]) -> list[str]:
    frames = all_frames()
    return [f"{it.name} is {whereabouts(frames.get(it.thread))}" for it in operations]


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
    """A handle whose operations are watched and not recorded."""

    def __init__(self, handle: StorageBackend, watchdog: Watchdog) -> None:
        self._handle = handle
        self._watchdog = watchdog

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._handle, name)
        # No partial: a rule's own partial around it would swallow its arguments.
        return lambda *args, **kwargs: self._watchdog.call(name, operation, *args, **kwargs)


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
