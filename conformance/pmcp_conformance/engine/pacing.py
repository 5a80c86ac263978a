"""How much a rule tries, given the latency of the storage.

A limit in seconds bounds how much is tried, and never decides a verdict: something is tried in any
case, and on a busy machine there is more time.
"""

from __future__ import annotations

from collections.abc import Iterator

from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.engine.trial import Trial

_WAITS = 0.001
"""Seconds from which on an operation is one that waits for its storage."""

_ASKS_ANOTHER_PROCESS = 0.00006
"""Seconds that a read takes at least for which another process is asked, if only by a socket of
this machine: it takes 100 to 165 µs of Redis, 220 to 300 µs of PostgreSQL, and 22 to 30 µs from a
file of SQLite."""


def storage_latency(trial: Trial) -> float:
    """How many seconds an operation waits for the storage; 0 where that is negligible."""
    latency = trial.run.latency
    return latency if latency >= _WAITS else 0.0


def is_fast(trial: Trial) -> bool:
    """Whether an operation takes so little that many more of them cost nothing."""
    return not storage_latency(trial)


def asks_another_process(trial: Trial) -> bool:
    """Whether an operation takes so long that not all that could be tried can be."""
    return trial.run.latency >= _ASKS_ANOTHER_PROCESS


def limit_of(trial: Trial, seconds: float) -> Limit:
    """A limit of this many seconds, and of more where an operation takes next to no time: then all
    that there is to try is tried in most cases."""
    return Limit(seconds * (1 if asks_another_process(trial) else 3))


def numbers(trial: Trial, most: int, *, until: Limit) -> Iterator[int]:
    """The numbers from 1 to `most`, or as many of them as there is time for `until` then.

    The first ones in any case: a dozen where an operation takes next to no time, eight where it
    asks another process, four where that takes long.
    """
    if storage_latency(trial) or not trial.target.in_process:
        least = 4
    else:
        least = 8 if asks_another_process(trial) else 12
    for number in range(1, most + 1):
        if until.is_over and number > least:
            return
        yield number
