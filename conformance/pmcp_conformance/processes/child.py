"""A child process with a handle on the target's storage: calling it, stopping it, killing it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.interleaving.two_calls import wait_until_blocked
from pmcp_conformance.interleaving.yield_points import YieldPoint


class Child:
    """A process with a handle on the target's storage, and the means to call and to kill it."""

    def __init__(self, connection: Connection, watch: Watchdog) -> None:
        self._connection = connection
        self._watch = watch
        self._asked = "the start"
        self._ended = False
        self.pid: int = self._received()

    def send(self, method: str, *args: Any, at: int = 0, **kwargs: Any) -> None:
        """Let the child call a method of its handle, not before the instant `at`.

        `at` is in nanoseconds of `time.monotonic_ns`, which all processes of a machine share.
        """
        self._asked = method
        self._connection.send((method, args, kwargs, at))

    def answer(self) -> Any:
        """What the call that was sent returned; raises what it raised."""
        result, error = self._received()
        if error is not None:
            raise error
        return result

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Send a call and wait for its answer."""
        self.send(method, *args, **kwargs)
        return self.answer()

    def kill_at(self, at: YieldPoint, method: str, *args: Any) -> str:
        """Let the child call a method, and kill itself when it comes to that place of the
        backend's code; return where it is, or "" if the call has ended before.

        The places of opening count, too, if it has not yet called any. Raises what the call raises.
        """
        self.send("step", at, True, [(method, args)])
        self._asked = method
        died_at = self.stopped()
        if died_at:
            list(self.rest())
            self.close()
        else:
            self.answer()
        return died_at

    def stopped(self) -> str:
        """The place where a step has stopped; "" if it has come to its end and has its answer."""
        place: str = self._received()
        return place

    def go_on(self) -> None:
        """Let a step that has stopped go on."""
        self._connection.send(None)

    def gives_way(self) -> None:
        """Wait until a call that was sent has come to its end, or waits for another process."""
        wait_until_blocked(self.pid, self._connection.poll)

    def answers(self, within: float) -> Iterator[Any]:
        """What arrives within that many seconds, and what was on its way when the child died."""
        deadline = time.monotonic() + within
        with suppress(EOFError, ConnectionResetError):
            while self._connection.poll(max(0.0, deadline - time.monotonic())):
                yield self._connection.recv()

    def kill(self) -> None:
        """SIGKILL, at once; never a second time, when the number may be another's."""
        if not self._ended:
            self._ended = True
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def rest(self) -> Iterator[Any]:
        """What a killed child had still sent."""
        return self.answers(within=5.0)

    def close(self) -> None:
        """End the child."""
        self._ended = True
        self._connection.close()

    def _received(self) -> Any:
        return self._watch.call(f"{self._asked} in another process", self._connection.recv)
