"""Seeded preemption: makes races in a backend's own Python code likely enough to be seen.

A check-then-act store in memory is caught in hardly one of fifteen free-running rounds, since
CPython switches threads every few milliseconds only. Here every new thread may yield after any
line of the backend's modules, decided by a seeded generator.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import Any, TypeVar

from pmcp_conformance.engine.pacing import is_fast
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.interleaving.tracing import beside, displaced, in_new_threads
from pmcp_conformance.stepping import AnyCoroutine, stepping_everywhere
from pmcp_storage import StorageBackend

T = TypeVar("T")

_PROBABILITIES = (0.02, 0.1, 0.3)
"""Of yielding after a line: few yields let one overtake another, many make all overlap."""

_STRETCH = 100
"""Lines, on average, until another probability is drawn."""

_PAUSES = (0, 0, 0.0002)
"""Seconds, one of which is drawn for each yield: mostly the scheduler just gets its chance, and now
and then other threads get through some ten operations of a store in memory."""


@contextmanager
def preempting(trial: Trial, seed: int) -> Iterator[None]:
    """Preempt threads in the code of the trial's backend, unless it waits for its storage anyway.

    `seed`, below a million, tells the blocks of one rule apart; the trial's own seed counts too.
    """
    if is_fast(trial):
        with preempting_backend(trial.backend.unrecorded, trial.seed * 1_000_000 + seed):
            yield
    else:
        yield


@contextmanager
def preempting_backend(backend: StorageBackend, seed: int) -> Iterator[None]:
    """Let the calling thread, and those started in here, yield at lines of the backend's code.

    Raises Inconclusive where that is not possible, or something has put an end to it.
    """
    others = sys.gettrace(), threading.gettrace()
    tracer = _tracer(backend_files(backend), seed)
    here, hook = beside(others[0], tracer), in_new_threads(others[1], tracer)
    sys.settrace(here)
    threading.settrace(hook)
    try:
        with stepping_everywhere(_Dawdling(seed)):
            yield
        found = sys.gettrace(), threading.gettrace()
    finally:
        sys.settrace(others[0])
        threading.settrace(others[1])
    if found != (here, hook):
        raise displaced()


class _Dawdling:
    """Lets other coroutines have their turn before one goes on that has waited."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def resume(self, coroutine: AnyCoroutine, step: Callable[[], T]) -> T:
        return step()

    def hold(self, coroutine: AnyCoroutine) -> Awaitable[object] | None:
        if self._random.random() < _PROBABILITIES[-1]:
            return asyncio.sleep(self._random.choice(_PAUSES))
        return None


def _tracer(files: tuple[str, ...], seed: int) -> Any:
    random = Random(seed)
    probability = random.choice(_PROBABILITIES)

    def on_line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal probability
        if random.random() < 1 / _STRETCH:
            probability = random.choice(_PROBABILITIES)
        if event == "line" and random.random() < probability:
            time.sleep(random.choice(_PAUSES))
        return on_line

    def on_call(frame: FrameType, event: str, argument: object) -> Any:
        return on_line if frame.f_code.co_filename.startswith(files) else None

    return on_call
