"""A child process as a rule sees it: calling it, pausing it, killing it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import Any

from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.interleaving.waiting import wait_until_blocked
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_conformance.processes.messages import (
    CallRequest,
    ForkRequest,
    MethodCall,
    PauseRequest,
    PlanRequest,
    Resume,
)

_LAST_MESSAGES_WITHIN = 5.0
"""Seconds for what a killed child has sent to arrive, and its connection to end."""


class Child:
    """A process with a handle of its own on the target's storage, which it opens at its first call.

    Every wait for an answer is under the watchdog: a child that hangs ends the rule as a failure,
    which shows where the child is, by `place_of` its process id. One that dies by itself leaves the
    rule inconclusive. What a killed child had started besides is killed by `kill_processes_of` it.
    """

    def __init__(
        self,
        connection: Connection,
        watchdog: Watchdog,
        place_of: Callable[[int], str],
        kill_processes_of: Callable[[int], None],
    ) -> None:
        self.pid = 0
        self._place_of = place_of
        self._kill_processes_of = kill_processes_of
        self._connection = connection
        self._watchdog = watchdog
        self._requested = "the start"
        self._ended = False
        self.pid = self._receive()

    def call(self, method: str, *args: Any) -> Any:
        """Let the child call a method of its handle; returns or raises what that does."""
        self.send(MethodCall(method, args))
        return self.answer()

    def send(self, *calls: MethodCall, not_before: int = 0) -> None:
        """Let the child make these calls one after the other, without waiting for the answer.

        The first is not made before the instant `not_before`, in nanoseconds of
        `time.monotonic_ns`, which all processes of a machine share.
        """
        self._request(CallRequest(calls, not_before), calls)

    def answer(self) -> Any:
        """What the last of the calls that were sent returned; raises what one of them raised."""
        return self._receive().unwrap()

    def pause_at(self, point: YieldPoint, *calls: MethodCall) -> str:
        """Let the child make these calls and pause at that yield point of the backend's code.

        Returns where it has paused, as `store.py:41`; it then goes on at `resume`. Or "", if the
        calls have ended before. In both cases there will be an `answer`. The yield points of
        opening the handle count, too, if the child has not yet made any call.
        """
        return self._request_pause(PauseRequest(calls, point, killed=False))

    def resume(self) -> None:
        """Let the child go on after a pause."""
        self._send(Resume())

    def kill_at(self, point: YieldPoint, method: str, *args: Any) -> str:
        """Let the child call a method, and kill itself with SIGKILL at that yield point.

        Returns where it has died, and otherwise as `pause_at`; raises what the call raises.
        """
        died_at = self._request_pause(
            PauseRequest([MethodCall(method, args)], point, killed=True),
        )
        if died_at:
            self.last_messages()
            self._kill_processes_of(self.pid)
            self.close()
        else:
            self.answer()
        return died_at

    def wait_until_blocked(self) -> None:
        """Wait until a call that was sent has ended, or waits for another process."""
        wait_until_blocked(self.pid, self._connection.poll)

    def fork(self) -> Child:
        """Let the child open its handle, if it has not, and fork: the fork, which has the same."""
        ours, theirs = socket.socketpair()
        self._requested = "fork"
        self._connection.send(ForkRequest())
        with theirs:
            send_handle(self._connection, theirs.fileno(), self.pid)
            self.answer()
        connection = Connection(ours.detach())
        return Child(connection, self._watchdog, self._place_of, self._kill_processes_of)

    def start_plan(
        self, plan: Sequence[MethodCall], few: int = 0, known: Collection[str] = ()
    ) -> None:
        """Let the child make these calls, and report each of them in `messages`, until killed;
        given a `few`, perhaps by itself, as a PlanRequest says."""
        self._request(PlanRequest(plan, few, known), plan)

    def messages(self, within: float) -> Iterator[Any]:
        """What arrives within that many seconds, or until the child has died."""
        deadline = time.monotonic() + within
        with suppress(EOFError, ConnectionResetError):
            while self._connection.poll(max(0.0, deadline - time.monotonic())):
                yield self._connection.recv()

    def last_messages(self) -> list[Any]:
        """What a killed child had still sent; returns when its connection has ended."""
        return list(self.messages(_LAST_MESSAGES_WITHIN))

    def kill(self) -> None:
        """SIGKILL, at once; never a second time, when the number may be another's."""
        if not self._ended:
            self._ended = True
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._kill_processes_of(self.pid)

    def close(self) -> None:
        """End the child."""
        self._ended = True
        self._connection.close()

    def _request_pause(self, request: PauseRequest) -> str:
        self._request(request, request.calls)
        where: str = self._receive().where
        return where

    def _request(self, request: object, calls: Sequence[MethodCall]) -> None:
        self._requested = calls[-1].method
        self._send(request)

    def _send(self, message: object) -> None:
        with self._expecting_life():
            self._connection.send(message)

    def _receive(self) -> Any:
        name = f"{self._requested} in a child process"
        with self._expecting_life(), self._watchdog.watching(name, self._place):
            return self._connection.recv()

    def _place(self) -> str:
        return self._place_of(self.pid) if self.pid else "about to start"

    @contextmanager
    def _expecting_life(self) -> Iterator[None]:
        """Raise Inconclusive if the child turns out to be dead."""
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise Inconclusive(
                f"a child process died during {self._requested}, though nobody killed it: look "
                "whether memory was short, or what in the backend ends the process"
            ) from error
