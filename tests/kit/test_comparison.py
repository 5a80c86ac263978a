"""What a report shows of values that differ, and of the owners that it names by letters."""

from __future__ import annotations

from pmcp_conformance.engine.comparison import short_apart
from pmcp_conformance.engine.recording import Recording
from pmcp_conformance.engine.watchdog import Watchdog


def test_short_values_are_shown_whole() -> None:
    assert short_apart([1], [2]) == ("[1]", "[2]")


def test_a_difference_is_shown_wherever_it_is() -> None:
    one, other = short_apart("x" * 500 + "a" + "x" * 500, "x" * 500 + "b" + "x" * 500)
    assert one != other
    assert f"{'x' * 38}a{'x' * 38}" in one
    assert f"{'x' * 38}b{'x' * 38}" in other


def test_a_difference_at_an_end_is_shown_as_well() -> None:
    one, other = short_apart([*range(200), 1], [*range(200), 2])
    assert (one[-3:], other[-3:]) == (" 1]", " 2]")


def test_a_letter_stands_for_a_plain_owner_and_an_odd_one_is_shown() -> None:
    recording = Recording(Watchdog(30.0))
    for owner in ("pmcp-1", "pmcp-2/x:y"):
        recording.name_owner(owner)
        recording.note("backend", "get", [owner, "t"], "-> 1")
    assert recording.shown() == [
        "backend.get(A, 't')  # -> 1",
        "backend.get(B, 't')  # -> 1",
        "# B is 'pmcp-2/x:y'",
    ]
