"""Preemption makes races happen, and leaves tracers of others alone."""

from __future__ import annotations

import sys
import threading

from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.interleaving.preemption import preempting_backend
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import InMemoryBackend


class BackendHere(InMemoryBackend):
    """Makes this file the backend's own code."""


class Counted:
    """A counter that is read in one line and written in another."""

    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        for _ in range(5):
            value = self.value
            self.value = value + 1


def test_a_check_then_act_loses_an_update_within_a_few_seeds() -> None:
    for seed in range(20):
        counted = Counted()
        with preempting_backend(BackendHere(), seed):
            call_simultaneously(Watchdog(30), [counted.increment] * 4)
        if counted.value < 20:
            return
    raise AssertionError("no update was lost in 20 races")


def test_no_tracer_is_left_behind() -> None:
    with preempting_backend(BackendHere(), 0):
        assert sys.gettrace() is not None
    assert (sys.gettrace(), threading.gettrace()) == (None, None)
