"""Two calls in a chosen order, by the yield points of the code under test: races without luck.

`exploration` repeats the same two calls, and lets the second one enter at the first yield point,
the second, and so on.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import NamedTuple

from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.interleaving.backend_code import Judged, backend_files
from pmcp_conformance.interleaving.waiting import wait_until_blocked
from pmcp_conformance.interleaving.yield_points import CodePosition, Pause, YieldPoint, pause_at


class Crossing(NamedTuple):
    """How two calls met, and what came of them."""

    where: str
    """Where the second entered, as `store.py:41`; "" if the first did not come that far, and the
    second was made after it."""

    position: CodePosition
    """Where the first then stood."""

    waited: bool
    """Whether either had to wait for the other, as for a lock."""

    first: Attempt
    second: Attempt


def cross(
    judged: Judged, first: Call, second: Call, at: YieldPoint, latency: float = 0.0
) -> Crossing:
    """Make the first call up to a yield point, then the second one to its end in another thread,
    then the rest of the first.

    If the second waits for a lock of the first, the first goes on. `latency` is how many seconds an
    operation waits for the storage. Raises Inconclusive where yield points cannot be had.
    """
    return _Turns(judged, latency).cross(first, second, at)


def overlap(
    judged: Judged,
    first: Call,
    second: Call,
    at: YieldPoint,
    until: YieldPoint,
    latency: float = 0.0,
) -> Crossing:
    """Make the first call up to `at`, then the second one up to its own yield point `until`, then
    the first to its end, and then the rest of the second.

    Whichever waits for a lock of the other lets that one go on; otherwise as `cross`.
    """
    turns = _Turns(judged, latency)
    return turns.cross(first, partial(turns.pause_second, until, second), at)


class _Turns:
    """Whose turn it is: of two calls, in two threads, one goes on and the other waits for it."""

    def __init__(self, judged: Judged, latency: float) -> None:
        self._files = backend_files(judged)
        self._latency = latency
        self._first_thread = threading.get_native_id()
        self._first_has_ended = threading.Event()
        self._second_has_paused = threading.Event()
        self._entry = Pause("", ())
        self._waited = False

    def cross(self, first: Call, second: Call, at: YieldPoint) -> Crossing:
        """Make both calls, the first one in this thread."""
        thread = _CallThread(second, self._second_has_paused)
        enter = partial(self._let_second_enter, thread)
        try:
            first_attempt = Attempt.of(partial(pause_at, at, self._files, enter, first))
        finally:
            self._first_has_ended.set()
        return Crossing(*self._entry, self._waited, first_attempt, thread.finish())

    def pause_second(self, until: YieldPoint, second: Call) -> object:
        """Make the second call, with a pause for the first one."""
        return pause_at(until, self._files, self._let_first_go_on, second)

    def _let_second_enter(self, thread: _CallThread, entry: Pause) -> None:
        self._entry = entry
        thread.start()
        self._wait_for(thread.native_id, self._second_has_paused)

    def _let_first_go_on(self, _: Pause) -> None:
        self._second_has_paused.set()
        self._wait_for(self._first_thread, self._first_has_ended)

    def _wait_for(self, task_id: int | None, turn_ended: threading.Event) -> None:
        if wait_until_blocked(task_id, turn_ended.wait, self._latency):
            self._waited = True


class _CallThread(threading.Thread):
    """A call in a thread of its own, which says when it has ended."""

    def __init__(self, call: Call, has_ended: threading.Event) -> None:
        super().__init__(daemon=True)  # it may never return
        self._call = call
        self._has_ended = has_ended
        self._attempt = Attempt()
        self._abandoned: BaseException | None = None

    def run(self) -> None:
        try:
            self._attempt = Attempt.of(self._call)
        except BaseException as error:  # what ends the threads of an abandoned rule
            self._abandoned = error
        finally:
            self._has_ended.set()

    def finish(self) -> Attempt:
        """What came of the call, which is made now unless the thread was started."""
        if self.ident is None:
            return Attempt.of(self._call)
        self.join()
        if self._abandoned is not None:
            raise self._abandoned
        return self._attempt
