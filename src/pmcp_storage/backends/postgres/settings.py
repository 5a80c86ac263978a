"""What a handle is opened with: the connection string, and how many connections for how long."""

from __future__ import annotations

import os
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

CONNECTIONS = 10
"""The most connections of a handle's own pool, by default."""

TIMEOUT = 10.0
"""Seconds that an operation waits for a connection, and for an answer, by default."""


def complete(conninfo: str, timeout: float) -> str:
    """A connection string with what it leaves open. Raises ValueError for what is none."""
    try:
        given = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as error:
        # What libpq quotes can be a part of a password.
        text = str(error).strip()
        problem = text if "invalid connection option" in text else text.partition('"')[0].strip()
        raise ValueError(
            f"conninfo must be a connection string of libpq, such as "
            f"postgresql://user@host/database: {problem}"
        ) from None
    added: dict[str, Any] = {"fallback_application_name": "pmcp-storage"}
    if "connect_timeout" not in given and "PGCONNECT_TIMEOUT" not in os.environ:
        added["connect_timeout"] = max(2, round(timeout))  # libpq's least
    return make_conninfo(conninfo, **{name: added[name] for name in added if name not in given})


def check_settings(timeout: float, connections: int = 1) -> None:
    """Raises ValueError for a timeout that is not above 0 or a pool of no connections."""
    if not timeout > 0:
        raise ValueError(f"timeout must be above 0 seconds, not {timeout!r}")
    if connections < 1:
        raise ValueError(f"connections must be at least 1, not {connections!r}")


def check_pool(pool: object, kind: type) -> None:
    """Raises TypeError for anything but a pool of this kind."""
    if not isinstance(pool, kind):
        given = f"{type(pool).__module__}.{type(pool).__qualname__}"
        raise TypeError(f"pool must be a psycopg_pool.{kind.__name__}, not {given}")
