"""What another process does for a rule: the calls that it is asked for, on a handle of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from pmcp_conformance.interleaving.yield_points import Pause, YieldPoint, pause_at
from pmcp_conformance.target import BackendTarget
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    OutcomeUnknownError,
    StorageBackend,
    TaskRecord,
)

_ATTEMPTS = 1000
"""Of an increment, on average, before a process gives up: progress is another rule's business."""


class ChildLoop:
    """The life of such a process: calls until the connection ends."""

    def __init__(
        self, connection: Connection, target: BackendTarget, files: tuple[str, ...]
    ) -> None:
        self._connection = connection
        self._target = target
        self._files = files
        self._handle: StorageBackend | None = None

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.stdin.close()
        try:
            self._connection.send(os.getpid())
            while True:
                self._carry_out(*self._connection.recv())
        except (EOFError, OSError):
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)

    def _carry_out(self, method: str, args: Any, kwargs: Any, at: int) -> None:
        """Do what is asked, and tell what came of it."""
        if method == "write_on":
            self._write_on(*args)
        elif method == "step":
            self._step(*args)
        else:
            self._connection.send(attempt(partial(self._call_at, at, method, *args, **kwargs)))

    def _call_at(self, at: int, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method not before that instant, with a handle that was opened before it."""
        if method != "open_fresh":
            self._opened()
        wait_until(at)
        return self._call(method, *args, **kwargs)

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "open_fresh":
            self._handle = self._target.handle(method, *args)
            return None
        if method == "increment":
            return increment(self._opened(), *args)
        return getattr(self._opened(), method)(*args, **kwargs)

    def _opened(self) -> StorageBackend:
        if self._handle is None:
            self._handle = self._target.handle()
        return self._handle

    def _step(self, at: YieldPoint, dies: bool, calls: list[Any]) -> None:
        """Make calls, and at that place of the backend's code tell where it is and die there, or
        wait until told to go on."""

        def stop(here: Pause) -> None:
            self._connection.send(here.where)
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            self._connection.recv()

        def call_all() -> Any:
            return [self._call(method, *args) for method, args in calls][-1]

        result = attempt(partial(pause_at, at, self._files, stop, call_all))
        self._connection.send("")
        self._connection.send(result)

    def _write_on(self, plan: list[Any]) -> None:
        """Carry out a plan, telling each step before it and its result after it, until killed."""
        _, error = attempt(self._opened)
        if error is not None:
            self._connection.send(("failed", 0, error))
            return
        for number, (method, args) in enumerate(plan):
            self._connection.send(("begins", number, None))
            result, error = attempt(partial(self._call, method, *args))
            self._connection.send(("done", number, error if error is not None else result))
        self._connection.send(("finished", len(plan), None))


def attempt(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Result and error of a call."""
    try:
        return call(), None
    except Exception as error:
        return None, error


def increment(handle: StorageBackend, record: TaskRecord, times: int) -> tuple[int, int]:
    """Increment the record's counter that often, optimistically, in two threads: how many
    increments were acknowledged, and of how many nobody knows.

    Two, because a lock of the process can fall to another thread when one of them opens and closes
    the same file."""
    with ThreadPoolExecutor(2) as pool:
        halves = [times // 2, times - times // 2]
        counts = pool.map(partial(increment_alone, handle, record), halves)
    done, unknown = map(sum, zip(*counts, strict=True))
    return done, unknown


def increment_alone(handle: StorageBackend, record: TaskRecord, times: int) -> tuple[int, int]:
    """The same in this thread."""
    done = unknown = 0
    for _ in range(times * _ATTEMPTS):
        if done + unknown == times:
            break
        found = handle.get(record.owner_id, record.task_id)
        counter = {"counter": found.record.variables["counter"] + 1}
        try:
            handle.put_if_version(record.model_copy(update={"variables": counter}), found.version)
            done += 1
        except OutcomeUnknownError:
            unknown += 1
        except (ConcurrentModificationError, BackendError):
            continue  # neither is applied
    return done, unknown


def wait_until(instant: int) -> None:
    """Spin until then: sleeping is too coarse to start a race."""
    while time.monotonic_ns() < instant:
        pass
