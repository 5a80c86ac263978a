"""Pauses in a backend whose code runs in other processes, by the clock instead of by lines."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence

from pmcp_conformance.interleaving.yield_points import Files, Pause, YieldPoint

_STEP = 0.00002
"""Seconds between the first of the instants at which a call is paused; later ones lie further
apart, for a call that is still under way takes long."""

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
            send(processes, signal.SIGSTOP)
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


def send(processes: Sequence[int], number: int) -> None:
    """Send a signal to the groups of these processes."""
    for process in processes:
        os.killpg(process, number)
