"""Two calls that meet in every order worth trying, and what to say of an order that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product

from pmcp_conformance.places import NOWHERE, Kind, Place, places_of
from pmcp_conformance.preemption import backend_files
from pmcp_conformance.race import Attempt
from pmcp_conformance.stepping import interrupted
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation

_MOST_PLACES = 120
"""Opening and an operation have fewer lines than this; more are tried at so many."""

_MOST_OVERLAPS = 100
"""Orders in which both calls have begun before either ends."""

_SECONDS = 0.4
"""For all orders of a pair, where an operation takes milliseconds."""

Call = Callable[[], object]

Pair = Callable[[str], Sequence[Call]]
"""Makes two calls on the key that it is given."""

Check = Callable[[str, list[Attempt]], None]
"""Judges what the calls on a key came to."""


def at_each_place(trial: Trial, try_at: Callable[[Place], object], *, within: float) -> None:
    """Try this at one place of an operation after the other, first at its lines, then within and
    beneath them, each time until it says that there are no more; or as long as these seconds allow.

    Where something else than Python code decides, this shows nothing.
    """
    until = trial.soon(within)
    for kind in Kind:
        for number in trial.numbers(_MOST_PLACES, until=until):
            if not try_at(Place(number, kind)):
                break


def crossed(trial: Trial, pair: Pair, check: Check) -> None:
    """Let the second call of a pair come in between at each place of the first, one after the
    other.

    The pair is made for a key of its own each time.
    """

    def cross_at(place: Place) -> str:
        key = f"crossed at {place}"
        came_in, attempts = cross(trial, pair(key), place)
        with told(came_in and f"when the second call came in at {came_in}"):
            check(key, attempts)
        return came_in

    at_each_place(trial, cross_at, within=_SECONDS)


def crossed_halfway(trial: Trial, pair: Pair, check: Check) -> None:
    """The same, and then with the second call stopping at each of its lines for the first one to
    end, so that both have looked before either acts.

    Of many orders half are those in which both have come about equally far, and the rest are
    spread over all others.
    """
    crossed(trial, pair, check)
    until = trial.soon(_SECONDS)
    orders = overlaps(trial, pair)
    if len(orders) > _MOST_OVERLAPS:
        near, far = orders[: _MOST_OVERLAPS // 2], orders[_MOST_OVERLAPS // 2 :]
        orders = near + far[:: -(-len(far) // (_MOST_OVERLAPS // 2))]
    for number in trial.numbers(len(orders), until=until):
        at, pause = orders[number - 1]
        key = f"crossed at {at} until {pause}"
        came_in, attempts = cross(trial, pair(key), at, pause)
        with told(f"when the second call came in at {came_in} and the first ended before it"):
            check(key, attempts)


def overlaps(trial: Trial, pair: Pair) -> list[tuple[Place, Place]]:
    """Where the second call can come in, and where it can stop; those first that are as far along
    in their calls."""

    def passed(kind: Kind, call: Call) -> list[tuple[Place, float]]:
        files = backend_files(trial.backend.untraced)
        places = places_of(kind, files, partial(note, {}, 0, call))
        return [(place, place.number / len(places)) for place in places]

    first, second = pair("one after the other")
    begins, stops = passed(Kind.LINE, first), passed(Kind.LINE, second)
    begins += passed(Kind.WITHIN, pair("alone")[0])
    orders = sorted(product(begins, stops), key=lambda order: abs(order[0][1] - order[1][1]))
    return [(at, until) for (at, _), (until, _) in orders]


def cross(
    trial: Trial, calls: Sequence[Call], at: Place, until: Place = NOWHERE
) -> tuple[str, list[Attempt]]:
    """Let the second of two calls come in at that place of the first, and stop for it at that place
    of its own; where it came in, and what they came to.

    A second call for which the first had too few places follows it."""
    attempts: dict[int, Attempt] = {}
    first, second = [partial(note, attempts, number, call) for number, call in enumerate(calls)]
    came_in = interrupted(trial.backend.untraced, first, second, at, until, trial.latency)
    if 1 not in attempts:
        second()
    return came_in, [attempts[0], attempts[1]]


def note(attempts: dict[int, Attempt], number: int, call: Call) -> None:
    try:
        attempts[number] = Attempt(call())
    except Exception as error:
        attempts[number] = Attempt(error=error)


@contextmanager
def told(when: str) -> Iterator[None]:
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
