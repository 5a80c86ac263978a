"""One call interrupted by another at a chosen line: check-then-act faults without any luck.

Where `preemption` lets threads meet at random, this tries one place after the other: the caller
repeats the same two calls and has the second run at the first line, the second line, and so on.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from pmcp_conformance.preemption import backend_files
from pmcp_storage import StorageBackend

_PATIENCE = 0.02
"""Seconds given to the second call; it may be waiting for a lock that the first one holds."""


def interrupted(
    backend: StorageBackend, call: Callable[[], object], at: int, by: Callable[[], object]
) -> bool:
    """Run `call`, and `by` in another thread when `call` comes to line number `at`, from 1 on, of
    the backend's code; return whether it came that far. Raises what either raises.

    Under a debugger or a coverage tool the two simply run at the same time, and False is
    returned.
    """
    second = _Second(by)
    steps = sys.gettrace() is None
    if steps:
        sys.settrace(_tracer(backend_files(backend), at, second))
    else:
        second.start()
    try:
        call()
    finally:
        if steps:
            sys.settrace(None)
        started = second.ident is not None
        if started:
            second.join()
    if second.error is not None:
        raise second.error
    return steps and started


class _Second(threading.Thread):
    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)  # it may never return
        self.error: BaseException | None = None
        self._call = call

    def run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self.error = error


def _tracer(places: tuple[str, ...], at: int, second: _Second) -> Any:
    lines = 0

    def on_line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        if lines == at and second.ident is None:
            second.start()
            second.join(_PATIENCE)
        return on_line

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        return on_line if frame.f_code.co_filename.startswith(places) else None

    return on_call
