"""How many commands an operation of RedisBackend sends, and of which kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from pmcp_storage import (
    NotFoundError,
    RedisBackend,
)
from support.records import NOW, make_record
from support.redis_proxy import RedisProxy, Verdict

Operation = Callable[[RedisBackend], object]

OPERATIONS: dict[str, tuple[Operation, int, int]] = {
    "create": (lambda backend: backend.create(make_record()), 1, 1),
    "get": (lambda backend: backend.get("o", "t"), 1, 0),
    "put_if_version": (lambda backend: backend.put_if_version(make_record(), 1), 1, 1),
    "put_if_version, absent": (
        lambda backend: backend.put_if_version(make_record("absent"), 1),
        1,
        1,
    ),
    "get, absent": (lambda backend: backend.get("o", "absent"), 1, 0),
    "count_by_owner": (lambda backend: backend.count_by_owner("o", live_at=NOW), 1, 1),
    "delete": (lambda backend: backend.delete("o", "t"), 1, 1),
    "put": (lambda backend: backend.put(make_record()), 2, 1),
    "list_by_owner": (lambda backend: backend.list_by_owner("o", limit=25), 2, 1),
}
"""Operations in the order in which they are called, their round trips, and their scripts."""


def test_operations_take_one_round_trip_and_listings_and_puts_two(
    through: RedisBackend, proxy: RedisProxy, client: Any
) -> None:
    for number in range(30):
        through.put(make_record(f"warm {number}"))
    through.delete("o", "warm 0")
    through.list_by_owner("o")
    requests: list[bytes] = []

    def note(request: bytes) -> Verdict:
        requests.append(request)
        return "pass"

    proxy.fault = note
    for name, (operation, round_trips, scripts) in OPERATIONS.items():
        by_digest, by_text = script_calls(client)
        requests.clear()
        with contextlib.suppress(NotFoundError):
            operation(through)
        assert len(requests) == round_trips, name
        assert script_calls(client) == (by_digest + scripts, by_text), name


def script_calls(client: Any) -> tuple[int, int]:
    """How many scripts the server was asked to run by their digest, and by their text."""
    stats = client.info("commandstats")
    by_digest, by_text = (stats.get(f"cmdstat_{name}", {}) for name in ("evalsha", "eval"))
    return by_digest.get("calls", 0), by_text.get("calls", 0)


def test_scripts_that_the_server_forgot_are_sent_again(backend: RedisBackend, client: Any) -> None:
    backend.create(make_record())
    client.script_flush()
    assert backend.put_if_version(make_record(), 1) == 2
