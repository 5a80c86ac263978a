"""What several groups of rules share: a full record, the ways to write one, an hour, and calls that
overlap within the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pmcp_conformance.engine.attempt import Attempt, Call
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.network.faulty_connection import FaultyConnection
from pmcp_storage import StorageBackend, Task, TaskRecord, TaskStatus

HOUR = timedelta(hours=1)

_OVERLAPS = 16
"""Times that a pair of calls overlaps, either of them more or less ahead by turns."""

_GIVE_UP_AFTER = 5
"""Overlaps after which a client that has not yet sent two requests at once is taken never to."""


def full_fields(trial: Trial, owner: str) -> dict[str, Any]:
    """Every optional field of a record set, as keyword arguments of `trial.record`."""
    task = trial.record(owner).task
    return {
        "task": Task(
            task_id="task",
            status=TaskStatus.INPUT_REQUIRED,
            status_message="waiting",
            created_at=task.created_at,
            last_updated_at=task.last_updated_at,
            ttl=60_000,
            poll_interval=5_000,
            meta={"progress": 0.5},
        ),
        "variables": {"a": 1, "b": {"c": [2]}},
        "result": {"content": ["done"]},
    }


def successive_writes(handle: RecordedBackend) -> list[Callable[[TaskRecord], int]]:
    """Every operation that writes, to be called in this order on one key that is absent."""
    return [handle.create, handle.put, lambda record: handle.put_if_version(record, 2)]


def overlap_in_server(
    trial: Trial,
    pair: Callable[[StorageBackend, str], Sequence[Call]],
    check: Callable[[str, list[Attempt]], None],
) -> None:
    """Let the server begin both calls of a pair before it ends either, where it can be brought to.

    The client of a single request has no place where it could be stopped, but a server that begins
    before it has the whole of a request can be. `pair` makes the calls on a handle and a key.
    """
    if not all(map(trial.target.offers, ("address", "open_at"))):
        return
    gathered = 0
    with FaultyConnection(trial) as connection:
        handle = connection.handle().unrecorded
        for number in range(_OVERLAPS):
            calls = pair(handle, key := f"overlap {number}")
            # The first time they only come together, for each to have a connection of its own.
            let_go = connection.proxy.overlap if number else connection.proxy.gather
            let_go(len(calls))
            order = 1 if number % 2 else -1
            attempts = call_simultaneously(trial.watchdog, calls[::order])
            check(key, attempts[::order])
            gathered += connection.proxy.gathered
            if number == _GIVE_UP_AFTER and not gathered:
                return
