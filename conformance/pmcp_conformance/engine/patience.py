"""Limits of time, in seconds of a machine that has nothing else to do.

What takes a second there takes two where two want each processor. So a second counts for as much as
one process got of it, and a limit leaves as much time for work on a busy machine as on an idle one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from pmcp_conformance.engine.violation import Inconclusive

_LOOK_EVERY = 0.05
"""Seconds after which another look at the load is worth its while."""

_MOST_TIMES = 10
"""Times its seconds that a limit may take before it is given up: nobody waits for ever."""

_LEAST_LONGEST = 60.0
"""Seconds that a short one may take in any case."""

_LOAD = Path("/proc/loadavg")


def load_factor() -> float:
    """How many times as long as on an idle machine things take on this one now, from 1 on.

    It is the number of threads that want each of this process's processors, and 1 where the system
    does not report it.
    """
    return max(1.0, _wanted() / _processors())


class Limit:
    """A limit of so many seconds of an idle machine, from its making on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._counted = 0.0
        self._begun = self._looked = time.monotonic()

    @property
    def is_exceeded(self) -> bool:
        """Whether so many seconds have passed by the clock, however busy the machine was."""
        return time.monotonic() - self._begun > self.seconds

    @property
    def is_over(self) -> bool:
        """Whether so much time has passed; only for one thread, which asks again and again."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY:
            self._counted += (now - self._looked) / load_factor()
            self._looked = now
        return self._counted >= self.seconds

    def is_certainly_over(self) -> bool:
        """The same, for what is judged by it.

        Raises Inconclusive where the machine has had no time for it, for long enough.
        """
        if self.is_over:
            return True
        longest = max(_MOST_TIMES * self.seconds, _LEAST_LONGEST)
        if time.monotonic() - self._begun < longest:
            return False
        raise Inconclusive(
            f"this machine has so much else to do that {longest:g} s were "
            f"not enough for what may take {self.seconds:g} s: run it again when there is less"
        )

    def wait(self, has_ended: Callable[[float], bool]) -> bool:
        """Wait until something has ended or the limit is over; whether it has ended.

        `has_ended` waits up to as many seconds as it is given. Raises Inconclusive as
        `is_certainly_over` does.
        """
        while not has_ended(min(_LOOK_EVERY, self.seconds)):
            if self.is_certainly_over():
                return has_ended(0.0)
        return True


_last_look = (float("-inf"), 0.0)
"""When the load was last looked at, and how many threads then wanted a processor: one look serves
all the limits that are asked about meanwhile."""


def _wanted() -> float:
    global _last_look
    now = time.monotonic()
    if not 0 <= now - _last_look[0] < _LOOK_EVERY:
        _last_look = (now, _running())
    return _last_look[1]


def _running() -> float:
    try:
        running, _, _ = _LOAD.read_text().split()[3].partition("/")
        return float(running)
    except (OSError, ValueError, IndexError):
        return _load_of_the_last_minute()


def _load_of_the_last_minute() -> float:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
