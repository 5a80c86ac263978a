"""Calls that begin at the same instant, in threads of this process or in several processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial

from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Watchdog, start_thread

_NOTICE = 2_000_000
"""Nanoseconds in which a message reaches another process and is read there."""


def call_simultaneously(watchdog: Watchdog, calls: Sequence[Call]) -> list[Attempt]:
    """Let all calls begin at the same time, each in a thread of its own; what came of each.

    Raises Inconclusive if one of them does.
    """
    barrier = threading.Barrier(len(calls))
    attempts = [Attempt()] * len(calls)
    inconclusive = list[Inconclusive]()

    def run(number: int, call: Call) -> None:
        barrier.wait()
        try:
            attempts[number] = Attempt.of(call)
        except Inconclusive as why:
            inconclusive.append(why)

    threads = [start_thread(partial(run, number, call)) for number, call in enumerate(calls)]
    for thread in threads:
        watchdog.join(thread)
    for why in inconclusive:
        raise why
    return attempts


def common_start() -> int:
    """An instant soon enough to wait for, and late enough for other processes to hear of it.

    In nanoseconds of `time.monotonic_ns`, which all processes of a machine share.
    """
    return time.monotonic_ns() + _NOTICE


def spin_until(instant: int) -> None:
    """Wait until this instant of `time.monotonic_ns`: sleeping is too coarse to start a race."""
    while time.monotonic_ns() < instant:
        pass
