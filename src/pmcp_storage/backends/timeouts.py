"""Timeouts that a backend is given, checked before the first use of them."""

from __future__ import annotations

from typing import Any

LONGEST = 2_147_483
"""Seconds. A socket waits by poll(2), for milliseconds in a C int: a longer timeout would wrap
around, and end at once."""


def check_timeout(name: str, seconds: Any) -> None:
    """Raise ValueError unless a socket can wait for `seconds`: more than 0, and up to 24 days.

    None is a timeout: it waits without end. TypeError for what is not a number.
    """
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
    if not 0 < seconds <= LONGEST:  # which is false for NaN
        raise ValueError(f"{name} must be more than 0 and at most {LONGEST} seconds: {seconds}")
