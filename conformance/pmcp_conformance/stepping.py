"""Two calls in a chosen order, by the places of the backend's code: races without any luck.

Where `preemption` lets threads meet at random, this tries one place after the other: the caller
repeats the same two calls and has the second come in at the first place, the second, and so on.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pmcp_conformance.places import Place, each_line, traced, visited
from pmcp_conformance.preemption import backend_files
from pmcp_storage import StorageBackend

_LOOK = 0.0003
"""Seconds between two looks at whoever has the turn."""

_LOOKS = 60
_ASLEEP = 3
"""Looks: so many at most, and so many that find it asleep before it is taken to wait for a lock
that the other one holds; more where the storage itself lets its callers wait."""

Call = Callable[[], object]


def interrupted(
    backend: StorageBackend, call: Call, at: Place, by: Call, latency: float = 0.0
) -> str:
    """Run `call`, and `by` in another thread when `call` comes to that place of the backend's code;
    return where it is, or "" if it did not come that far. Raises what either raises. `latency` is
    how many seconds an operation waits for the storage.

    Under a debugger or a coverage tool the two simply run at the same time, and "" is returned.
    """
    second = _Thread(by)
    places = []

    def come_in(place: str) -> None:
        places.append(place)
        second.start()
        has_ended(second.native_id, second.ended.wait, looks_for(latency))

    try:
        if sys.gettrace() is not None:
            second.start()
            call()
        else:
            visited(at, backend_files(backend), come_in, call)
    finally:
        second.finish()
    return "".join(places)


def in_turns(backend: StorageBackend, call: Call, at: int, by: Call, latency: float = 0.0) -> str:
    """Run `call`, and from its line number `at` on also `by`, both from there on in turns of one
    line each; return as `interrupted` does.

    So both have looked before either acts, which no single interruption brings about.
    """
    if sys.gettrace() is not None:
        return interrupted(backend, call, Place(at), by)
    turns, files = _Turns(at - 1, looks_for(latency)), backend_files(backend)
    threads = [
        _Thread(lambda: turns.run(0, call, each_line(files, lambda line: turns.line(0, line)))),
        _Thread(lambda: turns.run(1, by, each_line(files, lambda line: turns.line(1, line)))),
    ]
    for thread in reversed(threads):
        thread.start()
    for thread in threads:
        thread.finish()
    return turns.began_at


class _Thread(threading.Thread):
    """A call in a thread that keeps what it raises."""

    def __init__(self, call: Call) -> None:
        super().__init__(daemon=True)  # it may never return
        self.ended = threading.Event()
        self._call = call
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self._error = error
        finally:
            self.ended.set()

    def finish(self) -> None:
        """Wait for its end, if it was started, and raise what it raised."""
        if self.ident is not None:
            self.join()
        if self._error is not None:
            raise self._error


class _Turns:
    """Lets one of two threads run at a time, unless that one waits for a lock of the other's."""

    def __init__(self, lead: int, asleep: int) -> None:
        self.began_at = ""
        """Where the first was when the second began."""
        self._changed = threading.Condition()
        self._lead = lead
        self._asleep = asleep
        self._turn = 0
        self._ids = [0, 0]
        self._over = [False, False]
        self._stuck = [False, False]

    def run(self, me: int, call: Call, trace: Any) -> None:
        """Make the call; the second one's begins with its first turn."""
        self._ids[me] = threading.get_native_id()
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._turn == me or self._over[0])
            traced(call, trace)
        finally:
            with self._changed:
                self._over[me] = True
                self._changed.notify_all()

    def line(self, me: int, line: str) -> None:
        """A thread has come to a line: it is the other one's turn."""
        other = 1 - me
        with self._changed:
            self._stuck[me] = False
            if me == 0 and self._lead > 0:
                self._lead -= 1
                return
            if me == 0:
                self.began_at = self.began_at or line
            self._turn = other
            self._changed.notify_all()
            self._stuck[other] = not has_ended(
                self._ids[other],
                lambda within: self._changed.wait_for(
                    lambda: self._turn == me or self._over[other], within
                ),
                1 if self._stuck[other] else self._asleep,
            )


def has_ended(id: int | None, ended: Callable[[float], bool], asleep: int = _ASLEEP) -> bool:
    """Whether a thread or process with its turn comes to the turn's end, before it falls asleep.

    `ended` waits for that end as many seconds as it is given; at so many looks `asleep`, the one
    with the turn is taken to wait for a lock that another holds.
    """
    for _ in range(_LOOKS + asleep):
        if ended(_LOOK):
            return True
        asleep -= is_asleep(id)
        if not asleep:
            break
    return False


def looks_for(latency: float) -> int:
    """The looks that find whoever has the turn asleep before more is to blame than the storage."""
    return _ASLEEP + round(4 * latency / _LOOK)


def is_asleep(id: int | None) -> bool:
    """Whether a thread or process waits for something; False where the system does not tell."""
    try:
        state = Path(f"/proc/{id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return state[:1] == ["S"]
