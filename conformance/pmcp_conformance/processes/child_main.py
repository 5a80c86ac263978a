"""What a child process does for a rule: the calls that it is sent, on a handle of its own."""

from __future__ import annotations

import faulthandler
import os
import pickle
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.interleaving.simultaneous import spin_until
from pmcp_conformance.interleaving.yield_points import Pause, pause_at, pause_at_rare_line
from pmcp_conformance.processes.elsewhere import pause_processes_at
from pmcp_conformance.processes.increments import increment
from pmcp_conformance.processes.messages import (
    CallRequest,
    ForkRequest,
    MethodCall,
    OpeningFailed,
    Paused,
    PauseRequest,
    PlanRequest,
    StepBegun,
    StepDone,
)
from pmcp_conformance.target import BackendTarget
from pmcp_storage import StorageBackend

WHERE = signal.SIGUSR1
"""The signal on which a child writes to standard error where in its code it is."""


class ChildLoop:
    """The life of a child: one request after the other until its connection ends.

    `files` is where the backend's own code is. Besides the methods of a handle, a child can be
    asked for `open_fresh`, which replaces its handle, for `increment`, and for `limit_file_size`.
    """

    def __init__(
        self, connection: Connection, target: BackendTarget, files: tuple[str, ...]
    ) -> None:
        self._connection = connection
        self._target = target
        self._files = files
        self._handle: StorageBackend | None = None

    def run(self) -> None:
        """Send the process's id, then answer requests; never returns."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        faulthandler.register(WHERE, chain=False)
        try:
            self._connection.send(os.getpid())
            while True:
                self._answer(self._connection.recv())
        except (EOFError, OSError):
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)

    def _answer(self, request: CallRequest | ForkRequest | PauseRequest | PlanRequest) -> None:
        match request:
            case ForkRequest():
                self._reply(Attempt.of(self._fork))
            case CallRequest():
                self._reply(Attempt.of(partial(self._call_all_at, request)))
            case PauseRequest():
                self._pause(request)
            case PlanRequest():
                self._start_plan(request)

    def _call_all_at(self, request: CallRequest) -> Any:
        if request.calls[0].method != "open_fresh":
            self._opened()  # beforehand, so that the call itself is what happens at the instant
        spin_until(request.not_before)
        return self._call_all(request.calls)

    def _fork(self) -> None:
        descriptor = recv_handle(self._connection)
        self._opened()
        with warnings.catch_warnings():
            # Python warns of threads, which is what a handle may have.
            warnings.simplefilter("ignore", DeprecationWarning)
            forked = os.fork() == 0
        if forked:
            self._connection.close()
            self._connection = Connection(descriptor)
            self.run()
        os.close(descriptor)

    def _reply(self, attempt: Attempt) -> None:
        if attempt.error is not None:
            attempt = Attempt(error=_portable(attempt.error))
        self._connection.send(attempt)

    def _pausing(self) -> Callable[..., object]:
        """What makes a call that pauses; where the backend's code runs elsewhere, that does."""
        if self._target.in_process:
            return pause_at
        self._opened()
        return partial(pause_processes_at, self._target.processes())

    def _pause(self, request: PauseRequest) -> None:
        paused = False

        def on_pause(pause: Pause) -> None:
            nonlocal paused
            paused = True
            if request.killed:
                self._die_at(pause)
            self._connection.send(Paused(pause.where))
            self._connection.recv()

        call = partial(self._call_all, request.calls)
        attempt = Attempt.of(partial(self._pausing(), request.at, self._files, on_pause, call))
        if not paused:
            self._connection.send(Paused(""))
        self._reply(attempt)

    def _die_at(self, pause: Pause) -> None:
        self._connection.send(Paused(pause.where))
        self._target.kill_processes_of(os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)

    def _start_plan(self, request: PlanRequest) -> None:
        opening = Attempt.of(self._opened)
        if opening.error is not None:
            self._connection.send(OpeningFailed(_portable(opening.error)))
            return

        few, many = [
            partial(self._carry_out, request.plan, steps)
            for steps in (range(request.few), range(request.few, len(request.plan)))
        ]
        if request.few:
            pause_at_rare_line(self._files, request.known, self._die_at, few, many)
        else:
            many()

    def _carry_out(self, plan: Sequence[MethodCall], steps: Iterable[int]) -> None:
        for step in steps:
            self._connection.send(StepBegun(step))
            attempt = Attempt.of(partial(self._call, plan[step]))
            self._connection.send(StepDone(step, str(attempt)))

    def _call_all(self, calls: Sequence[MethodCall]) -> Any:
        return [self._call(call) for call in calls][-1]

    def _call(self, call: MethodCall) -> Any:
        if call.method == "open_fresh":
            self._handle = self._target.handle(call.method, *call.args)
            return None
        if call.method == "increment":
            return increment(self._opened(), *call.args)
        if call.method == "limit_file_size":
            [size] = call.args
            self._opened()
            return limit_file_size(size, self._target.processes())
        return getattr(self._opened(), call.method)(*call.args)

    def _opened(self) -> StorageBackend:
        if self._handle is None:
            self._handle = self._target.handle()
        return self._handle


def limit_file_size(size: int, processes: Sequence[int]) -> None:
    """Let these processes, or this one where there are none, die from now on of a write that would
    make a file larger than this many bytes; up to there it is carried out."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    limits = {resource.RLIMIT_FSIZE: (size, most), resource.RLIMIT_CORE: (0, 0)}
    for kind, limit in limits.items():
        if not processes:
            resource.setrlimit(kind, limit)
        elif hasattr(resource, "prlimit"):  # not on every system: then nobody dies
            for process in processes:
                resource.prlimit(process, kind, limit)
    if not processes:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which Python has set to be ignored


def _portable(error: Exception) -> Exception:
    """The error, or one that tells of it where it does not survive the way to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
