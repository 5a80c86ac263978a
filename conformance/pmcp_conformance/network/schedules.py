"""Schedules: which fault is injected into which exchange."""

from __future__ import annotations

from collections.abc import Callable

from pmcp_conformance.network.faults.base import Fault

Schedule = Callable[[int], Fault | None]
"""The fault for the exchange of this number, of which the first is 1; None lets it pass."""


def no_faults(exchange: int) -> None:
    """The schedule by which everything passes."""


def at_exchange(fault: Fault, number: int) -> Schedule:
    """A transient fault: it is injected into this exchange only."""
    return lambda exchange: fault if exchange == number else None


def always(fault: Fault, since: int = 1) -> Schedule:
    """A persistent fault: it is injected into this exchange and all later ones."""
    return lambda exchange: fault if exchange >= since else None
