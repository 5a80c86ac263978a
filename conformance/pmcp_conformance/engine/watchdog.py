"""Calls that may never return: a rule on a backend that hangs ends all the same, as a failure.

A rule runs in a thread of its own while the thread that asked for it looks after the operations
under way. Only how long a single operation takes is judged, never how long a rule takes.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar, cast

from pmcp_conformance.engine.origins import place_of_frames, reaches_backend, whereabouts
from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.engine.violation import Inconclusive, Violation
from pmcp_conformance.stepping import known_caller, stack_of_operation
from pmcp_storage import StorageBackend

_INTERVAL = 0.2
"""Seconds between two looks at the operations under way."""

_TARGETS_PATIENCE = 20.0
"""Seconds that a method of the target may take at least: it may have to make storage first."""

_INTERRUPTION = signal.SIGUSR2
"""The signal that interrupts the main thread."""

T = TypeVar("T")


class Hang(Violation):
    """An operation has not returned in a time in which even dead storage must have answered.

    Its operations are all that are under way, and where in the code each of them is. It is
    `outside` where a method of the target hangs without having come to the backend.
    """

    def __init__(
        self, expected: str, observed: str, operations: list[str], outside: bool = False
    ) -> None:
        super().__init__(expected, observed, operations)
        self.places = operations
        self.outside = outside

    def __str__(self) -> str:
        return f"{'; '.join(self.places)}: it hangs, expected {self.expected}"


class Abandoned(BaseException):
    """Ends the threads of a rule that hangs, at their next operation."""


@dataclass(frozen=True)
class _Underway:
    """An operation that has not returned yet."""

    name: str
    limit: Limit
    thread: int
    elsewhere: Callable[[], str] | None
    """Says where it is, where that is another process."""

    of_target: bool

    def is_outside(self, frames: dict[int, FrameType]) -> bool:
        """Whether it is a method of the target that has not come to the backend."""
        if not self.of_target:
            return False
        stack = traceback.walk_stack(frames.get(self.thread))
        return not reaches_backend(frame for frame, _ in stack)

    def place(self, frames: dict[int, FrameType]) -> str:
        """Where it is."""
        return f"{self.name} is {self._whereabouts(frames)}"

    def _whereabouts(self, frames: dict[int, FrameType]) -> str:
        if self.elsewhere:
            return self.elsewhere()
        if coroutine := stack_of_operation(self.thread):
            return place_of_frames(coroutine)
        return whereabouts(frames.get(self.thread))


class Watchdog:
    """The operations of a rule that are under way, in all of its threads.

    An operation hangs if it takes longer than twice `answer_within` seconds and one more, as an
    idle machine would count them.
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
        with self.watching(name):
            return operation(*args, **kwargs)

    def iterate(self, name: str, entries: Iterator[T]) -> Iterator[T]:
        """The entries of an iterator, each of them read by an operation of this name."""
        end = object()
        while (entry := self.call(name, next, entries, end)) is not end:
            yield cast(T, entry)

    @contextmanager
    def watching(
        self, name: str, elsewhere: Callable[[], str] | None = None, of_target: bool = False
    ) -> Iterator[None]:
        """Watch what is done in here, as an operation of this name.

        `elsewhere` says where it is, if another process carries it out; `of_target` that it is a
        method of the target. Raises Abandoned if the rule has been left to itself.
        """
        if self.abandoned:
            raise Abandoned
        with self._counting:
            self.calls += 1
            number = self.calls
        most = max(self._patience, _TARGETS_PATIENCE) if of_target else self._patience
        thread = threading.get_ident()
        self._underway[number] = _Underway(name, Limit(most), thread, elsewhere, of_target)
        try:
            with known_caller():
                yield
        finally:
            del self._underway[number]

    def settle(self) -> None:
        """Wait for the operations that a rule left to itself still has under way to end."""
        self.abandoned = True
        deadline = time.monotonic() + self._patience
        while self._underway and time.monotonic() < deadline:
            time.sleep(_INTERVAL / 10)

    def join(self, thread: threading.Thread) -> None:
        """Wait for a thread of the rule."""
        while thread.is_alive():
            if self.abandoned:
                raise Abandoned
            thread.join(_INTERVAL)

    def run(self, task: Callable[[], T]) -> T:
        """Run a task in a thread and return what it returns.

        Raises what it raises, Hang when an operation does not return, and Inconclusive when the
        machine is too busy to tell; the thread is then left to itself.
        """
        future: Future[T] = Future()
        self._wait_for(start_thread(lambda: _settle(future, task)))
        return future.result(timeout=0)

    def run_here(self, task: Callable[[], T]) -> T:
        """Run a task in this thread, if that is the main one, and else in a thread of its own.

        Returns and raises as `run` does; an operation that hangs is interrupted by a signal.
        """
        if threading.current_thread() is not threading.main_thread():
            return self.run(task)
        with self._interrupting():
            return task()

    @contextmanager
    def _interrupting(self) -> Iterator[None]:
        """Interrupt the main thread with a Hang when an operation does not return."""
        hangs = list[Hang | Inconclusive]()
        over = threading.Event()

        def look() -> None:
            while not (over.wait(_INTERVAL) or hangs):
                try:
                    self._look()
                except (Hang, Inconclusive) as hang:
                    self.abandoned = True
                    hangs.append(hang)
                    signal.pthread_kill(threading.main_thread().ident or 0, _INTERRUPTION)

        def interrupt(*_: object) -> None:
            for hang in hangs:
                raise hang

        former = signal.signal(_INTERRUPTION, interrupt)
        looking = start_thread(look)
        try:
            yield
        finally:
            over.set()
            looking.join()
            signal.signal(_INTERRUPTION, former)

    def _wait_for(self, thread: threading.Thread) -> None:
        try:
            while thread.is_alive():
                thread.join(_INTERVAL)
                self._look()
        except BaseException:
            self.abandoned = True
            raise

    def _look(self) -> None:
        operations = list(self._underway.values())
        for operation in operations:
            try:
                if operation.limit.is_certainly_over():
                    raise self._hang_of(operation, operations)
            except Inconclusive as inconclusive:
                places = _places(operations, all_frames())
                raise Inconclusive(inconclusive.reason, "\n".join(places)) from None

    def _hang_of(self, operation: _Underway, operations: list[_Underway]) -> Hang:
        expected = f"an answer from {operation.name} within {self._patience:g} s"
        frames = all_frames()
        outside = operation.is_outside(frames)
        return Hang(expected, "none: it hangs", _places(operations, frames), outside)


def _settle(future: Future[T], task: Callable[[], T]) -> None:
    try:
        future.set_result(task())
    except BaseException as error:
        future.set_exception(error)


def _places(operations: list[_Underway], frames: dict[int, FrameType]) -> list[str]:
    return [operation.place(frames) for operation in operations]


def operation_of(error: Exception) -> str | None:
    """The name of the watched operation that has raised this error; None if none has."""
    names = [
        str(frame.f_locals["name"])
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code is Watchdog.call.__code__
    ]
    return names[-1] if names else None


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


class WatchedBackend:
    """A handle whose operations are watched and not recorded."""

    def __init__(self, handle: StorageBackend, watchdog: Watchdog) -> None:
        self._handle = handle
        self._watchdog = watchdog

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._handle, name)

        # No partial: a rule's own partial around it would swallow its arguments.
        def watched(*args: Any, **kwargs: Any) -> Any:
            return self._watchdog.call(name, operation, *args, **kwargs)

        watched.__name__ = name
        return watched


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
