"""How much a rule tries, given the latency of the storage.

A limit in seconds bounds how much is tried, and never decides a verdict: something is tried in any
case, and on a busy machine there is more time.
"""

from __future__ import annotations

from collections.abc import Iterator

from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.engine.trial import Trial


def storage_latency(trial: Trial) -> float:
    """How many seconds an operation waits for the storage; 0 where that is negligible."""
    return trial.run.latency


def is_fast(trial: Trial) -> bool:
    """Whether an operation takes so little that many more of them cost nothing."""
    return not storage_latency(trial)


def limit_of(trial: Trial, seconds: float) -> Limit:
    """A limit of this many seconds, and of more where an operation takes next to no time."""
    return Limit(seconds * (3 if is_fast(trial) else 1))


def numbers(trial: Trial, most: int, *, until: Limit) -> Iterator[int]:
    """The numbers from 1 to `most`, or as many of them as there is time for `until` then.

    The first ones in any case: a few, and a dozen where an operation takes next to no time, and so
    does another process.
    """
    least = 12 if is_fast(trial) and trial.target.in_process else 4
    for number in range(1, most + 1):
        if until.is_over and number > least:
            return
        yield number
