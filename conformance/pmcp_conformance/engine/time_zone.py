"""This process in another time zone, where the system can do that."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_VARIABLES = ("TZ", "PGTZ")
"""libpq takes the zone of a connection from PGTZ when it is opened."""


@contextmanager
def local_time_zone(zone: str) -> Iterator[None]:
    """This process in a zone in the notation of POSIX, and so the connections opened meanwhile."""
    if not hasattr(time, "tzset"):
        yield
        return
    before = {name: os.environ.get(name) for name in _VARIABLES}
    try:
        os.environ.update(dict.fromkeys(before, zone))
        if "," in zone:  # which not every server knows that speaks PostgreSQL's protocol
            os.environ.pop("PGTZ", None)
        time.tzset()
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        time.tzset()


def going_back(change: datetime) -> str:
    """A zone whose clocks go back by an hour at that instant: what expires in the hour before it
    is past by the time of day."""
    change = change.astimezone(UTC)
    return f"WINTER0SUMMER,0/0,{change.timetuple().tm_yday - 1}/{change:%H:%M:%S}"
