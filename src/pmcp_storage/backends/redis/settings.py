"""What a server shows of its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError


def settings_of(server: Redis, names: Sequence[str]) -> dict[str, str]:
    """The settings of these names, as CONFIG GET calls them; without those that are not shown.

    Where CONFIG is denied, as managed services do, INFO shows some of them. Raises what redis-py
    raises where the server cannot be asked.
    """
    try:
        found: dict[Any, Any] = server.config_get(*names)
    except ResponseError:
        return {name: value for name, value in _info(server).items() if name in names}
    return {_text(name): _text(value) for name, value in found.items()}


def _info(server: Redis) -> dict[str, str]:
    info: dict[str, Any] = {**_section(server, "memory"), **_section(server, "persistence")}
    found = {}
    if "maxmemory_policy" in info:
        found["maxmemory-policy"] = str(info["maxmemory_policy"])
    if "aof_enabled" in info:
        found["appendonly"] = "yes" if info["aof_enabled"] else "no"
    return found


def _section(server: Redis, name: str) -> dict[str, Any]:
    try:
        section: dict[str, Any] = server.info(name)
    except ResponseError:
        return {}
    return section


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
