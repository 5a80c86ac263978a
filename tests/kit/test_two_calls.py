"""Two calls take turns exactly as they are told to."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import pytest

from pmcp_conformance.interleaving.two_calls import cross, overlap
from pmcp_conformance.interleaving.yield_points import YieldPoint
from pmcp_storage import InMemoryBackend


class BackendHere(InMemoryBackend):
    """Makes this file the backend's own code."""


BACKEND = BackendHere()


class Steps:
    """Calls of four lines, which give way to other threads and note what they do."""

    def __init__(self) -> None:
        self.done = list[str]()

    def call(self, name: str) -> str:
        time.sleep(0)
        self.done.append(f"{name}1")
        self.done.append(f"{name}2")
        return name


@pytest.mark.parametrize(
    ("at", "order"),
    [
        (1, ["b1", "b2", "a1", "a2"]),
        (2, ["b1", "b2", "a1", "a2"]),
        (3, ["a1", "b1", "b2", "a2"]),
        (4, ["a1", "a2", "b1", "b2"]),
    ],
)
def test_the_second_call_enters_at_that_line_and_the_first_goes_on_after_it(
    at: int, order: list[str]
) -> None:
    steps = Steps()
    crossing = cross(BACKEND, partial(steps.call, "a"), partial(steps.call, "b"), YieldPoint(at))
    line = Steps.call.__code__.co_firstlineno + at
    assert steps.done == order
    assert crossing.where == f"{Path(__file__).name}:{line}"
    assert (crossing.first.result, crossing.second.result) == ("a", "b")
    assert not crossing.waited


def test_the_second_call_follows_a_first_one_that_has_fewer_lines() -> None:
    steps = Steps()
    crossing = cross(BACKEND, partial(steps.call, "a"), partial(steps.call, "b"), YieldPoint(5))
    assert steps.done == ["a1", "a2", "b1", "b2"]
    assert (crossing.where, crossing.second.result) == ("", "b")


def test_the_second_call_pauses_until_the_first_has_ended() -> None:
    steps = Steps()
    calls = partial(steps.call, "a"), partial(steps.call, "b")
    overlap(BACKEND, *calls, at=YieldPoint(3), until=YieldPoint(3))
    assert steps.done == ["a1", "b1", "a2", "b2"]


class LockedSteps(Steps):
    """The same under a lock."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def call(self, name: str) -> str:
        with self._lock:
            return super().call(name)


def test_a_second_call_that_waits_for_a_lock_of_the_first_lets_it_go_on() -> None:
    steps = LockedSteps()
    # The fifth line is the third one of what happens under the lock.
    crossing = cross(BACKEND, partial(steps.call, "a"), partial(steps.call, "b"), YieldPoint(5))
    assert steps.done == ["a1", "a2", "b1", "b2"]
    assert crossing.waited


def test_a_first_call_that_waits_for_a_lock_of_the_second_lets_it_go_on() -> None:
    steps = LockedSteps()
    calls = partial(steps.call, "a"), partial(steps.call, "b")
    crossing = overlap(BACKEND, *calls, at=YieldPoint(1), until=YieldPoint(5))
    assert steps.done == ["b1", "b2", "a1", "a2"]
    assert crossing.waited


def test_what_either_call_raises_is_what_came_of_it() -> None:
    def refuse() -> None:
        raise KeyError("refused")

    crossing = cross(BACKEND, refuse, partial(Steps().call, "b"), YieldPoint(1))
    assert isinstance(crossing.first.error, KeyError)
    assert crossing.second.result == "b"
    crossing = cross(BACKEND, partial(Steps().call, "a"), refuse, YieldPoint(1))
    assert crossing.first.result == "a"
    assert isinstance(crossing.second.error, KeyError)
