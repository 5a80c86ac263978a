"""Two calls that meet in every order worth trying, and what to say of an order that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import NamedTuple

from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.pacing import asks_another_process, limit_of, numbers, storage_latency
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.backend_code import backend_files
from pmcp_conformance.interleaving.instructions import why_unknown
from pmcp_conformance.interleaving.two_calls import Crossing, cross, overlap
from pmcp_conformance.interleaving.yield_points import (
    CodePosition,
    YieldPoint,
    YieldPointKind,
    trace_path,
)
from pmcp_conformance.stepping import is_async

_MOST_YIELD_POINTS = 120
"""Of each kind; opening and an operation together have fewer lines than this."""

_FIRST_STEPS = (4, 16)
"""From one yield point to the next in the first look at all of an operation: where nearly all of
them are going to be tried, and where another process is asked and they are not. Powers of two; each
halving costs a try beyond the end."""

_MOST_OVERLAPS = 200
"""Overlaps of a pair; half of them those in which both calls have come about equally far."""

_BY_THE_CLOCK = (YieldPointKind.LINE,)
"""The kinds where instants stand for yield points, which are all of one kind."""

_SECONDS = 0.2
"""For a pair's crossings, and again for its overlaps, where an operation takes milliseconds."""

_LOOP_LATENCY = 0.001
"""Seconds, of an event loop that hands its work to other threads."""

CallPair = Callable[[str], Sequence[Call]]
"""Makes two calls on the key that it is given."""

CheckAttempts = Callable[[str, list[Attempt]], None]
"""Judges what came of the calls on a key."""


def at_each_yield_point(
    trial: Trial,
    try_at: Callable[[YieldPoint], object],
    *,
    within: float,
    kinds: Iterable[YieldPointKind] = YieldPointKind,
) -> None:
    """Try something at the yield points of an operation, kind by kind; at some of each kind in any
    case, and at more for as long as `within` allows, which is in seconds where an operation takes
    milliseconds. They come in an order in which those that there was time for lie all over the
    operation. Where it returns something false, the operation has no yield point of this number.

    Where something else than Python code decides, this shows nothing; where the backend's code runs
    in further processes, their groups are stopped or killed at instants instead.
    """
    if (reason := why_unknown()) and reason not in trial.shortfalls:
        trial.shortfalls.append(reason)
    until = limit_of(trial, within)
    for kind in kinds if trial.target.in_process else _BY_THE_CLOCK:
        if kind is YieldPointKind.AWAIT and not is_async(trial.backend.unrecorded):
            continue
        end, order = _MOST_YIELD_POINTS + 1, _all_over(_FIRST_STEPS[asks_another_process(trial)])
        for _ in numbers(trial, _MOST_YIELD_POINTS, until=until):
            number = next((number for number in order if number < end), None)
            if number is None:
                break
            if not try_at(YieldPoint(number, kind)):
                end = number


def _all_over(step: int) -> Iterator[int]:
    """The numbers of yield points, those first that lie so many from each other."""
    passed = set[int]()
    while step:
        numbers_of_step = range(1, _MOST_YIELD_POINTS + 1, step)
        yield from (number for number in numbers_of_step if number not in passed)
        passed.update(numbers_of_step)
        step //= 2


def explore_crossings(
    trial: Trial,
    pair: CallPair,
    check: CheckAttempts,
    *,
    within: float = _SECONDS,
    kinds: Iterable[YieldPointKind] = YieldPointKind,
) -> None:
    """Let the second call of a pair enter at each yield point of the first, one after the other,
    of these kinds and for as long as `within` allows, as for `at_each_yield_point`.

    The pair is made for a key of its own each time. Raises what `check` raises, with the yield
    point.
    """
    at_each_yield_point(
        trial,
        lambda at: _goes_on(trial, _check_crossing(trial, pair, check, at)),
        within=within,
        kinds=kinds,
    )


def _goes_on(trial: Trial, crossing: ExploredCrossing) -> bool:
    """Whether there may be more yield points of the kind at which something can be seen.

    Between two awaits a coroutine has its event loop to itself: another call of the same handle is
    then waited for even at the first line, where there is no lock yet.
    """
    at, found = crossing.at, crossing.crossing
    alone = found.waited and at.number == 1 and at.kind is not YieldPointKind.AWAIT
    return bool(found.where) and not (alone and is_async(trial.backend.unrecorded))


def explore_overlaps(trial: Trial, pair: CallPair, check: CheckAttempts) -> None:
    """The same, and then let the second call also pause at each of its lines, or awaits, until the
    first one has ended, so that both have looked before either acts."""
    explored = _crossings_with_paths(trial, pair, check)
    orders = overlaps_to_try(explored, Random(trial.seed), _path_kind(trial))
    until = limit_of(trial, _SECONDS)
    for number in numbers(trial, min(len(orders), _MOST_OVERLAPS), until=until):
        _check_overlap(trial, pair, check, orders[number - 1])


class ExploredCrossing(NamedTuple):
    """A crossing that was tried."""

    at: YieldPoint
    """Where the second call entered."""

    crossing: Crossing

    path: Sequence[CodePosition] = ()
    """Where the second call stood at each of its lines, or awaits."""


class Overlap(NamedTuple):
    """An order in which both calls have begun before either ends."""

    at: YieldPoint
    """Where the second call enters."""

    until: YieldPoint
    """Where the second call pauses."""

    position: CodePosition
    """Where it then stands."""

    lead: float
    """How much further it then has come than the first one, each as a part of its lines."""


def overlaps_to_try(
    explored: list[ExploredCrossing], random: Random, kind: YieldPointKind = YieldPointKind.LINE
) -> list[Overlap]:
    """The overlaps in the order in which to try them: some in which both calls have come about
    equally far, then the others in any order. The second call pauses at yield points of the `kind`
    of which its path is.

    To pause a call that holds a lock for which the other waits changes nothing. So overlaps in
    which the second pauses where the first was waited for come last.
    """
    locked = {crossing.position for _, crossing, _ in explored if crossing.waited}
    orders = _overlaps(explored, kind)
    orders.sort(key=lambda order: abs(order.lead))
    near = orders[: _MOST_OVERLAPS // 2]
    others = orders[_MOST_OVERLAPS // 2 :]
    random.shuffle(others)
    return sorted(near + others, key=lambda order: order.position in locked)


def _overlaps(explored: list[ExploredCrossing], kind: YieldPointKind) -> list[Overlap]:
    lasts = dict[YieldPointKind, int]()
    for at, crossing, _ in explored:
        if crossing.where:
            lasts[at.kind] = max(at.number, lasts.get(at.kind, 0))
    return [
        Overlap(
            at, YieldPoint(number, kind), position, number / len(path) - at.number / lasts[at.kind]
        )
        for at, crossing, path in explored
        if crossing.where and not crossing.waited and at.kind != YieldPointKind.OUTWARD_CALL
        for number, position in enumerate(path, start=1)
    ]


def _path_kind(trial: Trial) -> YieldPointKind:
    return YieldPointKind.AWAIT if is_async(trial.backend.unrecorded) else YieldPointKind.LINE


def _crossings_with_paths(
    trial: Trial, pair: CallPair, check: CheckAttempts
) -> list[ExploredCrossing]:
    files = backend_files(trial.backend.unrecorded)
    explored = list[ExploredCrossing]()

    def enter_at(at: YieldPoint) -> bool:
        path = list[CodePosition]()

        def traced_pair(key: str) -> Sequence[Call]:
            first, second = pair(key)
            return first, partial(trace_path, _path_kind(trial), files, path.append, second)

        crossing = _check_crossing(trial, traced_pair, check, at)._replace(path=path)
        explored.append(crossing)
        return _goes_on(trial, crossing)

    at_each_yield_point(trial, enter_at, within=_SECONDS)
    return explored


def _check_crossing(
    trial: Trial, pair: CallPair, check: CheckAttempts, at: YieldPoint
) -> ExploredCrossing:
    key = f"crossed at {at}"
    first, second = pair(key)
    crossing = cross(trial.backend.unrecorded, first, second, at, _latency(trial))
    where = crossing.where
    with noting_when(where and f"when the second call came in at {where}", where):
        check(key, [crossing.first, crossing.second])
    return ExploredCrossing(at, crossing)


def _latency(trial: Trial) -> float:
    """How many seconds an operation may wait without being blocked."""
    return storage_latency(trial) or (_LOOP_LATENCY if is_async(trial.backend.unrecorded) else 0.0)


def _check_overlap(trial: Trial, pair: CallPair, check: CheckAttempts, order: Overlap) -> None:
    key = f"crossed at {order.at} until {order.until}"
    first, second = pair(key)
    backend = trial.backend.unrecorded
    crossing = overlap(backend, first, second, order.at, order.until, _latency(trial))
    when = f"when the second call came in at {crossing.where} and the first ended before it"
    with noting_when(when, crossing.where):
        check(key, [crossing.first, crossing.second])


@contextmanager
def noting_when(when: str, place: str = "") -> Iterator[None]:
    """Add to a violation, or to any other error in here, when it came about, and at which place of
    the backend's code; nothing if "" is all that there is to say."""
    try:
        yield
    except Violation as violation:
        observed = f"{violation.observed}, {when}" if when else violation.observed
        raise Violation(
            violation.expected,
            observed,
            violation.operations,
            place=place or violation.place,
            history=violation.history,
        ) from violation
    except Exception as error:
        if when:
            error.add_note(f"This happens {when}.")
        raise
