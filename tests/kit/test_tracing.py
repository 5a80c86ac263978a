"""Calls are interleaved beside coverage tools, debuggers and profilers, or it is said that not."""

from __future__ import annotations

import cProfile
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from mutants.base import MutantTarget
from mutants.rules_con.con_3 import PutReadsThenWrites
from pmcp_conformance import BackendTarget
from pmcp_conformance.catalogue import catalogue
from pmcp_conformance.engine.runner import run_rule
from pmcp_conformance.engine.violation import Inconclusive
from pmcp_conformance.engine.watchdog import Watchdog
from pmcp_conformance.interleaving import instructions
from pmcp_conformance.interleaving.preemption import preempting_backend
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.interleaving.yield_points import Pause, YieldPoint, YieldPointKind, pause_at
from pmcp_conformance.report.results import Outcome
from pmcp_conformance.targets import MemoryTarget
from pmcp_storage import InMemoryBackend
from support.trials import run_against

FILES = (__file__,)
FIRST = YieldPoint(1)


class BackendHere(InMemoryBackend):
    """Makes this file the backend's own code."""


class Tool:
    """Traces this file, as a coverage tool or a debugger does."""

    def __init__(self) -> None:
        self.seen = list[str]()

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "call":
            self.at_call(frame)
        if frame.f_code is worked_on.__code__:
            self.seen.append(event)
        return self

    def at_call(self, frame: FrameType) -> None:
        """Nothing more than to go on."""


class InstallingTool(Tool):
    """Installs itself anew at each call, as coverage's does."""

    def at_call(self, frame: FrameType) -> None:
        sys.settrace(self)


class StoppingTool(Tool):
    """Gives up where the work begins, as a debugger without breakpoints does."""

    def at_call(self, frame: FrameType) -> None:
        if frame.f_code is worked_on.__code__:
            sys.settrace(None)


def worked_on() -> str:
    steps = ["one"]
    steps.append("two")
    return "three"


@contextmanager
def tracing(tool: Any) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(tool)
    try:
        yield
    finally:
        sys.settrace(before)


def paused(point: YieldPoint, call: Callable[[], object]) -> list[Pause]:
    """Where the call has paused."""
    pauses = list[Pause]()
    pause_at(point, FILES, pauses.append, call)
    return pauses


@pytest.mark.parametrize("kind", [Tool, InstallingTool])
@pytest.mark.parametrize("point", [FIRST, YieldPoint(1, YieldPointKind.WITHIN_LINE)])
def test_a_call_is_paused_beside_a_tool_that_sees_what_it_would_see_alone(
    kind: type[Tool], point: YieldPoint
) -> None:
    tool = kind()
    with tracing(tool):
        worked_on()
        found = paused(point, lambda: worked_on() and worked_on())
        is_back = sys.gettrace() is tool
        worked_on()
    assert len(found) == 1
    assert is_back
    assert tool.seen == 4 * ["call", "line", "line", "line", "return"]


def test_a_tool_that_gives_up_takes_no_yield_points_along() -> None:
    with tracing(StoppingTool()):
        assert paused(YieldPoint(3), worked_on)


def test_a_call_that_ends_the_tracing_leaves_the_rule_unjudged() -> None:
    with pytest.raises(Inconclusive, match="such as a debugger"):
        pause_at(YieldPoint(9), FILES, print, lambda: sys.settrace(None))


def test_a_call_is_paused_where_it_leaves_python_beside_a_profiler(tmp_path: Path) -> None:
    seen, point = list[str](), YieldPoint(1, YieldPointKind.OUTWARD_CALL)

    def write() -> None:
        (tmp_path / "file").write_text("text")

    sys.setprofile(lambda frame, event, argument: seen.append(event))
    try:
        found = paused(point, write)
    finally:
        sys.setprofile(None)
    assert len(found) == 1
    assert "c_call" in seen


def test_a_profiler_that_shares_its_place_with_nothing_leaves_the_rule_unjudged() -> None:
    point = YieldPoint(1, YieldPointKind.OUTWARD_CALL)
    with cProfile.Profile():
        if sys.getprofile() is None:  # since 3.12 it has a place of its own
            pause_at(point, FILES, print, worked_on)
        else:
            with pytest.raises(Inconclusive, match=r"cProfile\.Profile"):
                pause_at(point, FILES, print, worked_on)


class Counter:
    """A counter that is read in one line and written in another."""

    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        worked_on()
        for _ in range(5):
            value = self.value
            self.value = value + 1


def test_threads_are_preempted_beside_a_tool_that_traces_them() -> None:
    tools = list[Tool]()

    def install(frame: FrameType, event: str, argument: object) -> Any:
        tools.append(InstallingTool())
        sys.settrace(tools[-1])
        return tools[-1](frame, event, argument)

    before, fewest = threading.gettrace(), 20
    threading.settrace(install)
    try:
        for seed in range(20):
            counter = Counter()
            with preempting_backend(BackendHere(), seed):
                call_simultaneously(Watchdog(30), [counter.increment] * 4)
            fewest = min(fewest, counter.value)
        assert threading.gettrace() is install
    finally:
        threading.settrace(before)
    assert fewest < 20, "no update was lost in 20 races"
    assert [tool.seen for tool in tools] == 80 * [["call", "line", "line", "line", "return"]]


def test_what_ends_a_preemption_leaves_the_rule_unjudged() -> None:
    def race() -> None:
        with preempting_backend(BackendHere(), 0):
            sys.settrace(None)

    with pytest.raises(Inconclusive):
        race()
    assert threading.gettrace() is None


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        (MemoryTarget(), Outcome.INCONCLUSIVE),
        (MutantTarget(PutReadsThenWrites), Outcome.FAILED),
    ],
)
def test_with_an_unknown_python_no_backend_passes(
    target: BackendTarget, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instructions, "_VERSION", (3, 99))
    with run_against(target) as run:
        result = run_rule(catalogue()["CON-3"], run)
    assert result.outcome is outcome
    if outcome is Outcome.INCONCLUSIVE:
        assert "does not know the instructions of Python 3.99" in result.reason
