"""Instants as integers, for storages that compare or expire them. Exact: no float is involved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def epoch_microseconds(instant: datetime) -> int:
    """The microseconds from 1970 to an aware instant; negative before 1970."""
    return (instant - _EPOCH) // _MICROSECOND
