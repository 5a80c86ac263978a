"""Pauses in a backend whose code runs in other processes, by the clock instead of by lines."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence

from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.interleaving.waiting import state_of
from pmcp_conformance.interleaving.yield_points import Files, Pause, YieldPoint

_STEP = 0.00002
"""Seconds between the first of the instants at which a call is paused; later ones lie further
apart, for a call that is still under way takes long."""

_STOPPED_WITHIN = 1.0
"""Seconds, for what is in the midst of a system call that cannot be interrupted."""

_GOING_ON = ("R", "S", "D")
"""The states of processes that a signal has not stopped."""

_GROWTH = 20
"""Instants after which they lie twice as far apart."""


def pause_processes_at(
    processes: Sequence[int],
    point: YieldPoint,
    files: Files,
    on_pause: Callable[[Pause], object],
    call: Callable[[], object],
) -> object:
    """Make a call and stop the groups of those processes at an instant of it, do something, and let
    them go on; the instant is the later, the higher the number of the yield point is.

    Returns and raises what the call does. `on_pause` is not called where it has ended before.
    """
    seconds = _STEP * point.number * (1 + point.number / _GROWTH)
    deciding = threading.Lock()
    ended = False

    def pause() -> None:
        with deciding:
            if ended:
                return
            stop(processes)
        on_pause(Pause(f"{seconds * 1_000:.2f} ms after its request", ()))
        send(processes, signal.SIGCONT)

    timer = threading.Timer(seconds, pause)
    timer.start()
    try:
        return call()
    finally:
        with deciding:
            ended = True
        timer.cancel()
        timer.join()


def stop(processes: Sequence[int]) -> None:
    """Stop the groups of these processes, and return when they stand still: on a busy machine a
    process goes on until the system comes to deal with its signal."""
    send(processes, signal.SIGSTOP)
    limit = Limit(_STOPPED_WITHIN)
    while not limit.is_over and any(state_of(process) in _GOING_ON for process in processes):
        time.sleep(_STEP)


def send(processes: Sequence[int], number: int) -> None:
    """Send a signal to the groups of these processes."""
    for process in processes:
        os.killpg(process, number)
