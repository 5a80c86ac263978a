"""Interruptions: none gets lost, and none disturbs the end of a run.

Python drops a KeyboardInterrupt that is raised while it runs a finalizer or the callback of a weak
reference, and a run of many short rules spends some of its time there. A SIGTERM or SIGHUP would
end the process at once, with its records left behind, and so would a second Ctrl-C.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection
from types import FrameType
from typing import Any

_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
"""The signals that interrupt, and how they are handled where nobody else has taken them over."""


class InterruptGuard:
    """Makes a KeyboardInterrupt of each such signal, and remembers that it was received."""

    def __init__(self) -> None:
        self._received = False
        self._ending = False
        self._installed: list[signal.Signals] = []

    def install(self, *, but: Collection[signal.Signals] = ()) -> None:
        """Take over the signals that nobody else has, `but` for these."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, default in _DEFAULTS.items():
            if number not in but and signal.getsignal(number) is default:
                signal.signal(number, self._handle)
                self._installed.append(number)

    def ignore_from_now(self) -> None:
        """Let no signal disturb any more: what is done from now on takes a limited time."""
        self._ending = True

    def remove(self) -> None:
        """Give the signals back."""
        while self._installed:
            number = self._installed.pop()
            signal.signal(number, _DEFAULTS[number])

    def raise_again(self) -> None:
        """Raise KeyboardInterrupt if a signal was received."""
        if self._received:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._received = True
        if not self._ending:
            signal.default_int_handler(number, frame)
