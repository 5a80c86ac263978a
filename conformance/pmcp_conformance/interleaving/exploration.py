"""Two calls that meet in every order worth trying, and what to say of an order that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import NamedTuple

from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.pacing import deadline_in, numbers, storage_latency
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.two_calls import Crossing, interrupted
from pmcp_conformance.interleaving.yield_points import (
    NOWHERE,
    CodePosition,
    YieldPoint,
    YieldPointKind,
)

_MOST_PLACES = 120
"""Opening and an operation have fewer lines than this; more are tried at so many."""

_MOST_OVERLAPS = 200
"""Orders in which both calls have begun before either ends; half of them those in which both have
come about equally far, and the rest any."""

_SECONDS = 0.4
"""For all orders of a pair, where an operation takes milliseconds."""

Pair = Callable[[str], Sequence[Call]]
"""Makes two calls on the key that it is given."""

Check = Callable[[str, list[Attempt]], None]
"""Judges what the calls on a key came to."""


def at_each_yield_point(
    trial: Trial, try_at: Callable[[YieldPoint], object], *, within: float
) -> None:
    """Try this at one place of an operation after the other, first at its lines, then within and
    beneath them, each time until it says that there are no more; or as long as these seconds allow.

    Where something else than Python code decides, this shows nothing.
    """
    until = deadline_in(trial, within)
    for kind in YieldPointKind:
        for number in numbers(_MOST_PLACES, until=until):
            if not try_at(YieldPoint(number, kind)):
                break


def explore_crossings(
    trial: Trial, pair: Pair, check: Check, until: YieldPoint | None = None
) -> list[tuple[YieldPoint, Crossing]]:
    """Let the second call of a pair come in between at each place of the first, one after the
    other; how they met at each, with the second's lines if `until` is NOWHERE.

    The pair is made for a key of its own each time.
    """
    meetings = list[tuple[YieldPoint, Crossing]]()

    def cross_at(place: YieldPoint) -> bool:
        key = f"crossed at {place}"
        meeting, attempts = cross(trial, pair(key), place, until)
        with noting_when(meeting.where and f"when the second call came in at {meeting.where}"):
            check(key, attempts)
        meetings.append((place, meeting))
        return bool(meeting.where)

    at_each_yield_point(trial, cross_at, within=_SECONDS)
    return meetings


def explore_overlaps(trial: Trial, pair: Pair, check: Check) -> None:
    """The same, and then with the second call stopping at each of its lines for the first one to
    end, so that both have looked before either acts.

    To stop one that holds a lock for which the other waits changes nothing: orders that stop it
    where it was seen to hold one are tried last.
    """
    meetings = explore_crossings(trial, pair, check, NOWHERE)
    until = deadline_in(trial, _SECONDS)
    orders = overlaps(meetings, Random(trial.seed))
    for number in numbers(min(len(orders), _MOST_OVERLAPS), until=until):
        order = orders[number - 1]
        key = f"crossed at {order.at} until {order.until}"
        meeting, attempts = cross(trial, pair(key), order.at, order.until)
        with noting_when(
            f"when the second call came in at {meeting.where} and the first ended before it"
        ):
            check(key, attempts)


class Overlap(NamedTuple):
    """An order in which both calls have begun before either ends."""

    at: YieldPoint
    """Where the second call comes in."""

    until: YieldPoint
    """Where the second call stops."""

    spot: CodePosition
    """Where it then stands."""

    ahead: float
    """How much further it then has come than the first one, as a part of its lines."""


def overlaps(meetings: list[tuple[YieldPoint, Crossing]], random: Random) -> list[Overlap]:
    """The orders to try: some in which both have come about equally far, then the others in any
    order, and last those in which the second stops where the first was waited for."""
    locked = {meeting.spot for _, meeting in meetings if meeting.waited}
    lasts = {place.kind: place.number for place, meeting in meetings if meeting.where}
    orders = [
        Overlap(
            at, YieldPoint(number), spot, number / len(meeting.path) - at.number / lasts[at.kind]
        )
        for at, meeting in meetings
        if meeting.where and not meeting.waited and at.kind != YieldPointKind.BENEATH
        for number, spot in enumerate(meeting.path, 1)
    ]
    orders.sort(key=lambda order: abs(order.ahead))
    near, others = orders[: _MOST_OVERLAPS // 2], orders[_MOST_OVERLAPS // 2 :]
    random.shuffle(others)
    return sorted(near + others, key=lambda order: order.spot in locked)


def cross(
    trial: Trial, calls: Sequence[Call], at: YieldPoint, until: YieldPoint | None
) -> tuple[Crossing, list[Attempt]]:
    """Let the second of two calls come in at that place of the first, and stop for it at that place
    of its own; how they met, and what they came to.

    A second call for which the first had too few places follows it."""
    attempts: dict[int, Attempt] = {}
    first, second = [partial(note, attempts, number, call) for number, call in enumerate(calls)]
    meeting = interrupted(
        trial.backend.unrecorded, first, second, at, until, storage_latency(trial)
    )
    if 1 not in attempts:
        second()
    return meeting, [attempts[0], attempts[1]]


def note(attempts: dict[int, Attempt], number: int, call: Call) -> None:
    try:
        attempts[number] = Attempt(call())
    except Exception as error:
        attempts[number] = Attempt(error=error)


@contextmanager
def noting_when(when: str) -> Iterator[None]:
    """Say of a violation in here when it comes about; nothing where `when` is empty."""
    try:
        yield
    except Violation as violation:
        observed = f"{violation.observed}, {when}" if when else violation.observed
        raise Violation(violation.expected, observed, violation.operations) from violation
    except Exception as error:
        if when:
            error.add_note(f"This happens {when}.")
        raise
