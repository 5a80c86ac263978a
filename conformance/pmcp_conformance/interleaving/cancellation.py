"""Calls of an async backend that are cut short at a chosen await: cancelled, or out of time.

What a cancellation leaves behind depends on where it strikes, and so does a time limit that a
backend sets itself: so each await of a call is tried, as `exploration` does with crossings.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.interleaving.yield_points import Files, line_of, numbering, own_frame
from pmcp_conformance.stepping import AnyCoroutine, stepping

T = TypeVar("T")

_JUMP = 24 * 3600.0
"""Seconds by which a loop's clock is put forward: more than any time limit of an operation."""

_TURNS = 50
"""Of the event loop, in which whatever is out of time ends, and after which a call that still waits
does so for a lock or for its storage. Turns, because a clock goes on while a busy machine has no
time for the loop."""

_STRAGGLERS_WITHIN = 2.0
"""Seconds for what still goes on after a call has ended."""


class Cut:
    """A call that is cut short at the await of this number, from 1 on.

    `where` says at which line that was, and is "" where the call has fewer awaits.
    """

    def __init__(self, number: int, files: Files) -> None:
        self._number = number
        self._files = files
        self._number_of = numbering()
        self._task: asyncio.Task[Any] | None = None
        self._alive = set[AnyCoroutine]()
        self.where = ""

    def make(self, call: Call) -> Attempt:
        """Make the call; what came of it, when all that it had begun has ended."""
        with stepping(self):
            attempt = Attempt.of(call)
        deadline = time.monotonic() + _STRAGGLERS_WITHIN
        while self._alive and time.monotonic() < deadline:
            time.sleep(0.0005)
        return attempt

    def resume(self, coroutine: AnyCoroutine, step: Callable[[], T]) -> T:
        self._task = self._task or asyncio.current_task()
        self._alive.add(coroutine)
        try:
            waited_for = step()
        except BaseException:
            self._alive.discard(coroutine)
            raise
        frame = own_frame(coroutine, self._files)
        if frame is not None and self._number_of(frame) == self._number:
            self.where = line_of(frame)
            self.strike(coroutine)
        return waited_for

    def hold(self, coroutine: AnyCoroutine) -> Awaitable[object] | None:
        return None

    def strike(self, coroutine: AnyCoroutine) -> None:
        """What happens at the await, which is this coroutine's: the operation is cancelled."""
        assert self._task is not None
        self._task.cancel()


class CutSoon(Cut):
    """A call that is cancelled if it still goes on some turns of the loop after that await, as
    where it waits for a lock."""

    def strike(self, coroutine: AnyCoroutine) -> None:
        self._cancel_in(_TURNS)

    def _cancel_in(self, turns: int) -> None:
        assert self._task is not None
        if turns:
            asyncio.get_running_loop().call_soon(self._cancel_in, turns - 1)
        else:
            self._task.cancel()


class OutOfTime(Cut):
    """A call for which time passes at the await of this number, until its own limits strike."""

    def __init__(self, number: int, files: Files) -> None:
        super().__init__(number, files)
        self._late: AnyCoroutine | None = None

    def strike(self, coroutine: AnyCoroutine) -> None:
        self._late = coroutine

    def hold(self, coroutine: AnyCoroutine) -> Awaitable[object] | None:
        if coroutine is not self._late:
            return None
        self._late = None
        return _let_time_pass()


async def _let_time_pass() -> None:
    loop: Any = asyncio.get_running_loop()
    before = loop.time
    # For good: a timer that is set meanwhile would otherwise be a day late.
    loop.time = lambda: before() + _JUMP
    for _ in range(_TURNS):
        await asyncio.sleep(0)
