"""Two calls that meet in every order worth trying, and what to say of an order that goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from pmcp_conformance.places import Kind, Place
from pmcp_conformance.race import Attempt
from pmcp_conformance.stepping import in_turns, interrupted
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation

_MOST_PLACES = 120
"""Opening and an operation have fewer lines than this; more are tried at so many."""

_MOST_LEAD = 6
"""Lines that the first call may be ahead where both go on in turns."""

_SECONDS = 0.4
"""For all orders of a pair, where an operation takes milliseconds."""

Call = Callable[[], object]

Pair = Callable[[str], Sequence[Call]]
"""Makes two calls on the key that it is given."""

Check = Callable[[str, list[Attempt]], None]
"""Judges what the calls on a key came to."""


def at_each_place(trial: Trial, try_at: Callable[[Place], object], *, within: float) -> None:
    """Try this at one place of an operation after the other, first at its lines, then within and
    beneath them, each time until it says that there are no more; or as long as these seconds allow
    where the storage lets its callers wait.

    Where something else than Python code decides, this shows nothing.
    """
    until = time.monotonic() + within
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
        came_in, attempts = cross(trial, partial(interrupted, at=place), pair(key))
        with told(came_in and f"when the second call came in at {came_in}"):
            check(key, attempts)
        return came_in

    at_each_place(trial, cross_at, within=_SECONDS)


def crossed_in_turns(trial: Trial, pair: Pair, check: Check) -> None:
    """The same, and then with both calls going on in turns, a line each, so that both have looked
    before either acts."""
    crossed(trial, pair, check)
    for lead in trial.numbers(_MOST_LEAD, until=time.monotonic() + _SECONDS):
        key = f"turns {lead}"
        came_in, attempts = cross(trial, partial(in_turns, at=lead), pair(key))
        with told(f"when the second call came in at {came_in} and both went on line by line"):
            check(key, attempts)


def cross(
    trial: Trial, order: Callable[..., str], calls: Sequence[Call]
) -> tuple[str, list[Attempt]]:
    """Make two calls in such an order; the place where the second came in, and what they came to.

    A second call for which the first had too few places follows it."""
    attempts: dict[int, Attempt] = {}
    first, second = [partial(note, attempts, number, call) for number, call in enumerate(calls)]
    came_in = order(trial.backend.untraced, first, by=second, latency=trial.latency)
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
