"""How much a rule tries, given the latency of the storage and the load of the machine.

A limit in seconds bounds how much is tried, and never decides a verdict.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from pmcp_conformance.engine.trial import Trial

_MAX_LOAD_FACTOR = 5.0
"""Nobody waits for ever because of a figure that the system reports."""


def storage_latency(trial: Trial) -> float:
    """How many seconds an operation waits for the storage; 0 where that is negligible."""
    return trial.run.latency


def is_fast(trial: Trial) -> bool:
    """Whether an operation takes so little that many more of them cost nothing."""
    return not storage_latency(trial)


def deadline_in(trial: Trial, seconds: float) -> float:
    """The instant, by `time.monotonic`, that is this many seconds away.

    The seconds are multiplied where an operation takes next to no time, and on a busy machine.
    """
    return time.monotonic() + seconds * load_factor() * (3 if is_fast(trial) else 1)


def numbers(most: int, *, until: float) -> Iterator[int]:
    """The numbers from 1 to `most`, or as many of them as there is time for `until` then."""
    for number in range(1, most + 1):
        if time.monotonic() > until:
            return
        yield number


def load_factor() -> float:
    """How many times as long as on an idle machine things take on this one, from 1 to 5.

    It is the number of processes that shared a processor in the last minute, and 1 where the system
    does not report it.
    """
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return 1.0
    return min(max(load / (os.cpu_count() or 1), 1.0), _MAX_LOAD_FACTOR)
