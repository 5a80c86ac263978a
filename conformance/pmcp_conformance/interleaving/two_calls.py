"""Two calls in a chosen order, by the places of the backend's code: races without any luck.

Where `preemption` lets threads meet at random, this tries one place after the other: the caller
repeats the same two calls and has the second come in at the first place, the second, and so on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pmcp_conformance.engine.attempt import Call
from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.interleaving.yield_points import (
    NOWHERE,
    CodePosition,
    Pause,
    YieldPoint,
    pause_at,
    walked,
)
from pmcp_storage import StorageBackend

_LOOK = 0.0003
"""Seconds between two looks at whoever has the turn."""

_LOOKS = 60
_ASLEEP = 3
"""Looks: so many at most, and so many that find it asleep before it is taken to wait for a lock
that the other one holds; more where the storage itself lets its callers wait."""


class Crossing(NamedTuple):
    """How two calls met."""

    where: str
    """Where the second came in, as `store.py:41`; "" if the first did not come that far."""

    spot: CodePosition
    """Where the first then stood."""

    waited: bool
    """Whether either had to wait for the other, as for a lock."""

    path: list[CodePosition]
    """The lines of the second one, if they were to be noted."""


def interrupted(
    backend: StorageBackend,
    call: Call,
    by: Call,
    at: YieldPoint,
    until: YieldPoint | None = None,
    latency: float = 0.0,
) -> Crossing:
    """Run `call` to the place `at` of the backend's code, then `by` in another thread to the place
    `until` or its end, then `call` to its end, and then the rest of `by`.

    Where `until` is NOWHERE, the lines of `by` are noted. Raises what either raises. One that waits
    for a lock of the other's lets that one go on. `latency` is how many seconds an operation waits
    for the storage. Under a debugger or a coverage tool nothing is interrupted.
    """
    files, looks, me = backend_files(backend), looks_for(latency), threading.get_native_id()
    has_paused, goes_on = threading.Event(), threading.Event()
    here, path, waits = Pause("", ()), list[CodePosition](), list[bool]()

    def pause(_: Pause) -> None:
        has_paused.set()
        waits.append(wait_until_blocked(me, goes_on.wait, looks))

    def run_second() -> None:
        try:
            if until is None:
                by()
            elif until == NOWHERE:
                path.extend(walked(files, by))
            else:
                pause_at(until, files, pause, by)
        finally:
            has_paused.set()

    def come_in(stop: Pause) -> None:
        nonlocal here
        here = stop
        second.start()
        waits.append(wait_until_blocked(second.native_id, has_paused.wait, looks))

    second = _Thread(run_second)
    try:
        pause_at(at, files, come_in, call)
    finally:
        goes_on.set()
        second.finish()
    return Crossing(*here, any(waits), path)


class _Thread(threading.Thread):
    """A call in a thread that keeps what it raises."""

    def __init__(self, call: Call) -> None:
        super().__init__(daemon=True)  # it may never return
        self._call = call
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self._error = error

    def finish(self) -> None:
        """Wait for its end, if it was started, and raise what it raised."""
        if self.ident is not None:
            self.join()
        if self._error is not None:
            raise self._error


def wait_until_blocked(
    id: int | None, ended: Callable[[float], bool], asleep: int = _ASLEEP
) -> bool:
    """Let a thread or process have its turn until the turn's end; whether it fell asleep instead.

    `ended` waits for that end as many seconds as it is given; at so many looks `asleep`, the one
    with the turn is taken to wait for a lock that another holds.
    """
    for _ in range(_LOOKS + asleep):
        if ended(_LOOK):
            return False
        asleep -= is_blocked(id)
        if not asleep:
            return True
    return False


def looks_for(latency: float) -> int:
    """The looks that find whoever has the turn asleep before more is to blame than the storage."""
    return _ASLEEP + round(4 * latency / _LOOK)


def is_blocked(id: int | None) -> bool:
    """Whether a thread or process waits for something; False where the system does not tell."""
    try:
        state = Path(f"/proc/{id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return state[:1] == ["S"]
