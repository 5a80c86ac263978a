"""Two calls that meet in every order worth trying, and what to say of an order that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from pmcp_conformance.race import Attempt
from pmcp_conformance.stepping import in_turns, interrupted
from pmcp_conformance.trial import Trial
from pmcp_conformance.violation import Violation

_MOST_LINES = 60
"""A backend's operation has fewer lines than this; one that has more is tried on so many."""

_MOST_LEAD = 6
"""Lines that the first call may be ahead where both go on in turns."""

_SECONDS = 0.4
"""For all orders of a pair, where an operation takes milliseconds."""

Call = Callable[[], object]

Pair = Callable[[str], Sequence[Call]]
"""Makes two calls on the key that it is given."""

Check = Callable[[str, list[Attempt]], None]
"""Judges what the calls on a key came to."""


def crossed(trial: Trial, pair: Pair, check: Check) -> None:
    """Let the second call of a pair come in between at each line of the first, one after the other.

    The pair is made for a key of its own each time.
    """
    for line in trial.numbers(_MOST_LINES, within=_SECONDS):
        key = f"crossing {line}"
        came_in, attempts = cross(trial, interrupted, pair(key), line)
        with told(came_in and f"when the second call came in at {came_in}"):
            check(key, attempts)
        if not came_in:
            return


def crossed_in_turns(trial: Trial, pair: Pair, check: Check) -> None:
    """The same, and then with both calls going on in turns, a line each, so that both have looked
    before either acts."""
    crossed(trial, pair, check)
    for lead in trial.numbers(_MOST_LEAD, within=_SECONDS):
        key = f"turns {lead}"
        came_in, attempts = cross(trial, in_turns, pair(key), lead)
        with told(f"when the second call came in at {came_in} and both went on line by line"):
            check(key, attempts)


def cross(
    trial: Trial, order: Callable[..., str], calls: Sequence[Call], line: int
) -> tuple[str, list[Attempt]]:
    """Make two calls in such an order; the place where the second came in, and what they came to.

    A second call for which the first had too few lines follows it."""
    attempts: dict[int, Attempt] = {}
    first, second = [partial(note, attempts, number, call) for number, call in enumerate(calls)]
    came_in = order(trial.backend.untraced, first, line, by=second, latency=trial.latency)
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
