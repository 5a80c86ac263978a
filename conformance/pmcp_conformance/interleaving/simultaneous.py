"""Calls that begin at the same instant, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

from pmcp_conformance.engine.attempt import Attempt
from pmcp_conformance.engine.watchdog import Watchdog, started


def call_simultaneously(watch: Watchdog, calls: Sequence[Callable[[], object]]) -> list[Attempt]:
    """Let all calls begin at the same time, each in a thread; what each came to."""
    barrier = threading.Barrier(len(calls))
    attempts: list[Attempt] = [Attempt()] * len(calls)

    def run(number: int, call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            attempts[number] = Attempt(call())
        except Exception as error:
            attempts[number] = Attempt(error=error)

    threads = [started(partial(run, *pair)) for pair in enumerate(calls)]
    for thread in threads:
        watch.join(thread)
    return attempts
