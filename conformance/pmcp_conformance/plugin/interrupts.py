"""Ctrl-C that cannot get lost.

Python drops a KeyboardInterrupt that is raised while it runs a finalizer or the callback of a weak
reference, and a run of many short rules spends some of its time there.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType


class InterruptGuard:
    """Remembers a SIGINT that was received, whatever became of its KeyboardInterrupt."""

    def __init__(self) -> None:
        self.received = False
        self._installed = False

    def install(self) -> None:
        """Take SIGINT over, where Python's own handler has it; nothing otherwise."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True

    def remove(self) -> None:
        """Give SIGINT back to Python's own handler."""
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._installed = False

    def raise_again(self) -> None:
        """Raise KeyboardInterrupt if a SIGINT was received."""
        if self.received:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        signal.default_int_handler(number, frame)
