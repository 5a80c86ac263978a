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


def always(fault: Fault, since: int = 1, exchanges: int | None = None) -> Schedule:
    """A persistent fault: it is injected into this exchange and all later ones, or into this many
    of them if given."""
    end = None if exchanges is None else since + exchanges
    return lambda exchange: fault if since <= exchange and (not end or exchange < end) else None
