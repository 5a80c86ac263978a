"""Every order worth trying is tried, once, and a bug is reported with the order that showed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from mutants.base import MutantTarget
from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.target_run import TargetRun
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import (
    ExploredCrossing,
    at_each_yield_point,
    explore_crossings,
    explore_overlaps,
    noting_when,
    overlaps_to_try,
)
from pmcp_conformance.interleaving.two_calls import Crossing
from pmcp_conformance.interleaving.yield_points import YieldPoint, YieldPointKind
from pmcp_storage import InMemoryBackend
from support.trials import trial_against


class BackendHere(InMemoryBackend):
    """Makes this file the backend's own code."""


@pytest.fixture
def trial() -> Iterator[Trial]:
    with trial_against(MutantTarget(backend=BackendHere)) as trial:
        yield trial


class Counted:
    """A counter that is read in one line and written in the next."""

    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        value = self.value
        self.value = value + 1


class Contested:
    """A place that each contender leaves to the other when it sees it."""

    def __init__(self) -> None:
        self.contenders = 0

    def take(self) -> bool:
        self.contenders += 1
        alone = self.contenders == 1
        self.contenders -= 1
        return alone


def points_tried(trial: Trial, last: int, within: float) -> list[YieldPoint]:
    """Those of an operation that has as many of each kind as `last` says, in their order."""
    tried = list[YieldPoint]()

    def try_at(point: YieldPoint) -> bool:
        if point.number > last:
            return False
        tried.append(point)
        return True

    at_each_yield_point(trial, try_at, within=within)
    return tried


def test_all_yield_points_are_tried_once_kind_by_kind(trial: Trial) -> None:
    tried = points_tried(trial, 20, within=60)
    kinds = [kind for kind in YieldPointKind if kind is not YieldPointKind.AWAIT]
    assert [point.kind for point in tried] == [kind for kind in kinds for _ in range(20)]
    assert sorted(point.number for point in tried) == sorted([*range(1, 21)] * 3)


def test_the_first_yield_points_lie_all_over_the_operation(trial: Trial) -> None:
    tried = points_tried(trial, 120, within=0)
    first = [point.number for point in tried if point.kind is YieldPointKind.LINE]
    assert first == [*range(1, 49, 4)]


def test_where_another_process_is_asked_they_lie_further_apart(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TargetRun, "latency", 0.0002)
    tried = points_tried(trial, 120, within=0)
    first = [point.number for point in tried if point.kind is YieldPointKind.LINE]
    assert first == [1, 17, 33, 49, 65, 81, 97, 113]


def test_the_second_call_enters_at_each_line_once(trial: Trial) -> None:
    orders = Counter[tuple[str, ...]]()

    def pair(key: str) -> Sequence[Call]:
        done.clear()
        return append_both, lambda: done.append("second")

    def append_both() -> None:
        done.append("one")
        done.append("two")

    done = list[str]()
    explore_crossings(trial, pair, lambda key, _: orders.update([(key[:15], *done)]))
    lines = {order[1:]: times for order, times in orders.items() if order[0] == "crossed at line"}
    assert lines == {
        ("second", "one", "two"): 1,
        ("one", "second", "two"): 1,
        ("one", "two", "second"): 2,  # after the last line
    }


def test_a_race_is_reported_with_the_line_that_the_second_call_came_in_at(trial: Trial) -> None:
    counters = dict[str, Counted]()

    def pair(key: str) -> Sequence[Call]:
        counters[key] = Counted()
        return counters[key].increment, counters[key].increment

    def check(key: str, _: list[Attempt]) -> None:
        if counters[key].value != 2:
            raise Violation("2", f"{counters[key].value}")

    with pytest.raises(Violation) as caught:
        explore_crossings(trial, pair, check)
    line = Counted.increment.__code__.co_firstlineno + 2
    where = f"{Path(__file__).name}:{line}"
    assert caught.value.observed == f"1, when the second call came in at {where}"


def test_overlaps_show_what_crossings_cannot(trial: Trial) -> None:
    def pair(_: str) -> Sequence[Call]:
        contested = Contested()
        return contested.take, contested.take

    def check(_: str, attempts: list[Attempt]) -> None:
        if not any(attempt.result for attempt in attempts):
            raise Violation("one success", "none")

    explore_crossings(trial, pair, check)
    with pytest.raises(Violation, match=r"none, when .* and the first ended before it"):
        explore_overlaps(trial, pair, check)


def crossed_at(number: int, *, waited: bool, first_at: int, path: list[int]) -> ExploredCrossing:
    """A crossing whose positions are told apart by a number."""
    crossing = Crossing("store.py:1", ((0, first_at),), waited, Attempt(), Attempt())
    return ExploredCrossing(YieldPoint(number), crossing, [((0, position),) for position in path])


def test_overlaps_come_first_where_both_have_come_equally_far_and_last_under_a_lock() -> None:
    explored = [
        crossed_at(1, waited=False, first_at=1, path=[1, 2, 3, 4]),
        crossed_at(2, waited=True, first_at=2, path=[1]),
        crossed_at(3, waited=False, first_at=3, path=[1, 2, 3, 4]),
        crossed_at(4, waited=False, first_at=4, path=[1, 2, 3, 4]),
    ]
    orders = overlaps_to_try(explored, Random(0))
    tried = [(order.at.number, order.until.number) for order in orders]
    assert set(tried[:3]) == {(1, 1), (3, 3), (4, 4)}
    assert set(tried[-3:]) == {(1, 2), (3, 2), (4, 2)}
    assert len(tried) == 12


def test_an_error_is_noted_with_when_it_came_about() -> None:
    with pytest.raises(KeyError) as caught, noting_when("when it rains"):
        raise KeyError
    assert caught.value.__notes__ == ["This happens when it rains."]


def test_a_violation_stays_as_it_is_where_there_is_nothing_to_say() -> None:
    with pytest.raises(Violation) as caught, noting_when(""):
        raise Violation("this", "that", ["an operation"])
    violation = caught.value
    assert (violation.expected, violation.observed) == ("this", "that")
    assert violation.operations == ["an operation"]
