"""Seeded preemption: makes races in a backend's own Python code likely enough to be seen.

A check-then-act store in memory is caught in hardly one of fifteen free-running rounds, since
CPython switches threads every few milliseconds only. Here every new thread may yield after any
line of the backend's modules, decided by a seeded generator.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import Any

from pmcp_storage import StorageBackend

_PROBABILITIES = (0.02, 0.1, 0.3)
"""Of yielding after a line: few yields let one overtake another, many make all overlap."""

_STRETCH = 100
"""Lines, on average, until another probability is drawn."""

_LONG = 0.0002
"""Seconds; some ten operations of a store in memory."""


@contextmanager
def preempted(backend: StorageBackend, seed: int) -> Iterator[None]:
    """Let threads started in here, and the calling one, yield at lines of the backend's code.

    A tracer that is there already, such as a debugger's or a coverage tool's, is left alone, and
    nothing is preempted then.
    """
    if sys.gettrace() is not None or threading.gettrace() is not None:
        yield
        return
    tracer = _tracer(backend_files(backend), seed)
    threading.settrace(tracer)
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)


def backend_files(backend: StorageBackend) -> tuple[str, ...]:
    """Where the backend's own code is: the folders of its classes' packages; of modules of the top
    level the files, and those of the modules beside them, unless they lie among installed ones.
    """
    modules = {kind.__module__ for kind in type(backend).__mro__} - {"abc", "builtins"}
    modules -= {"pmcp_storage.backend"}
    found = [(name, getattr(sys.modules.get(name), "__file__", None)) for name in modules]
    places = set[str]()
    for name, file in found:
        if file:
            places.update([os.path.dirname(file)] if "." in name else _beside(file))
    return tuple(sorted(places))


def _beside(file: str) -> list[str]:
    folder = os.path.dirname(file)
    if os.path.basename(folder) in ("site-packages", "dist-packages"):
        return [file]
    loaded = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    return [file, *(other for other in loaded if os.path.dirname(other) == folder)]


def _tracer(places: tuple[str, ...], seed: int) -> Any:
    random = Random(seed)
    probability = random.choice(_PROBABILITIES)

    def on_line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal probability
        if random.random() < 1 / _STRETCH:
            probability = random.choice(_PROBABILITIES)
        if event == "line" and random.random() < probability:
            # Mostly just a word to the scheduler; now and then long enough for whole operations.
            time.sleep(random.choice((0, 0, _LONG)))
        return on_line

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        return on_line if frame.f_code.co_filename.startswith(places) else None

    return on_call
