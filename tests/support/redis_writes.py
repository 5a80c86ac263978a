"""The writes of RedisBackend, by name, for tests of what a server refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pmcp_storage import RedisBackend
from support.records import make_record


def writes(backend: RedisBackend) -> dict[str, Callable[[], object]]:
    """Each kind of write to the record "t", which stands at version 1, or to one that is new."""
    past, later = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    return {
        "overwrite": lambda: backend.put_if_version(make_record(variables={"n": 2}), 1),
        "set an expiry": lambda: backend.put_if_version(make_record(expires_at=later), 1),
        "write an expired record": lambda: backend.put_if_version(make_record(expires_at=past), 1),
        "create": lambda: backend.create(make_record("new", expires_at=later)),
        "delete": lambda: backend.delete("o", "t"),
    }
