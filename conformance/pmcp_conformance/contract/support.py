"""What several groups of rules share: a full record, the ways to write one, an hour, and calls that
overlap within the server, and an owner with very many records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from pmcp_conformance.engine.attempt import Attempt, Call, repeated
from pmcp_conformance.engine.handles import watched
from pmcp_conformance.engine.pacing import limit_of, numbers
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation, premise
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.network.faulty_connection import FaultyConnection
from pmcp_storage import StorageBackend, Task, TaskRecord, TaskStatus

HOUR = timedelta(hours=1)

_SOME, _MANY = 1_050, 10_050
"""Records that are more than a thousand, or ten thousand: limits that people choose."""

_BATCH = 150
_WRITERS = 8
"""Threads that write them."""

_SECONDS = 1.0
"""How long more than `_SOME` of them may take."""

_RACES_ELSEWHERE = 2_000

_SECONDS_ELSEWHERE = 1.0
"""For these races, where an operation takes milliseconds."""

EQUAL_CONTENTS: dict[str, Any] = {"variables": {"equal": ["contents"]}, "result": ["equal"]}
"""For several records: a storage may keep them once, but must not let one change the others."""

_BESIDES = 2_000
"""Bytes that what is not content takes up in a record, at most."""

_OVERLAPS = 16
"""Times that a pair of calls overlaps, either of them more or less ahead by turns."""

_GIVE_UP_AFTER = 5
"""Overlaps after which a client that has not yet sent two requests at once is taken never to."""


def full_fields(trial: Trial, owner: str) -> dict[str, Any]:
    """Every optional field of a record set, as keyword arguments of `trial.record`."""
    record = trial.record(owner)
    task = record.task
    earlier = task.created_at - timedelta(minutes=1)
    return {
        "task": Task(
            task_id="task",
            status=TaskStatus.INPUT_REQUIRED,
            status_message="waiting",
            created_at=earlier,
            last_updated_at=earlier,
            ttl=60_000,
            poll_interval=5_000,
            meta={"progress": 0.5, "deep": {"er": [1]}},
        ),
        "variables": {"a": 1, "b": {"c": [2]}, **record.variables},
        "result": {"content": ["done"]},
        "request_method": "sampling/createMessage",
    }


def with_task(record: TaskRecord, **changes: Any) -> TaskRecord:
    """The record with some fields of its task changed."""
    return record.model_copy(update={"task": record.task.model_copy(update=changes)})


def equal_contents(trial: Trial) -> list[dict[str, Any]]:
    """Equal contents of a few bytes, and large ones, which a storage may keep in another place."""
    large = "x" * (trial.target.max_record_bytes - _BESIDES)
    return [EQUAL_CONTENTS, {**EQUAL_CONTENTS, "result": [large]}]


def store_large(trial: Trial, owner: str) -> None:
    """Store a record of the largest size, with every field set and one that is unknown.

    What is large may lie elsewhere, or in pieces, of which nothing must stay when the record goes.
    """
    fields = {**full_fields(trial, owner), "inputRequests": {"r": [1]}}
    del fields["variables"]
    with premise("VAL-8"):
        trial.backend.create(trial.sized(owner, "task", trial.target.max_record_bytes, **fields))


class ManyRecords:
    """An owner with more records than storages handle at a time, in storage of its own.

    At least 1,050 of them, and up to 10,050 as far as a moment allows. The first and the last live
    on when the others, `expires_at`, have expired. Rules share them.
    """

    owner = "owner of many"

    def __init__(self, trial: Trial) -> None:
        self._target = trial.target
        self._token = uuid4().hex
        self.handle = self._target.handle("open_fresh", self._token)
        self.expires_at = datetime.now(UTC) + HOUR / 2
        first = trial.record(trial.owner(), expires_at=self.expires_at)
        of_owner = first.model_copy(update={"owner_id": self.owner})
        self.ids = create_many(trial, self.handle, of_owner)
        for task_id in (self.ids[0], self.ids[-1]):
            self._prolong(task_id)

    def _prolong(self, task_id: str) -> None:
        record = self.handle.get(self.owner, task_id).record
        later = record.model_copy(update={"expires_at": self.expires_at + HOUR / 2})
        with premise("PUT-2"):
            self.handle.put(later)

    def close(self) -> None:
        """Take it all down."""
        self.handle.close()
        self._target.dispose_fresh(self._token)


def create_many(trial: Trial, handle: StorageBackend, record: TaskRecord) -> list[str]:
    """Create more records like this one than storages handle at a time; their ids as listed.

    The trial does not delete them at its end.
    """
    create = watched(trial, handle).create
    ids, until = list[str](), time.monotonic() + _SECONDS
    with premise("CRE-1"), ThreadPoolExecutor(_WRITERS) as pool:
        while len(ids) < _SOME or (len(ids) < _MANY and time.monotonic() < until):
            batch = [f"t{number:05}" for number in range(len(ids), len(ids) + _BATCH)]
            writes = [partial(create, with_task(record, task_id=task_id)) for task_id in batch]
            versions = set(pool.map(repeated, writes))
            if versions != {1}:
                raise Violation("create returns 1", f"it returned {sorted(versions)}")
            ids += batch
    return ids[::-1]


def successive_writes(handle: RecordedBackend) -> list[Callable[[TaskRecord], int]]:
    """Every operation that writes, to be called in this order on one key that is absent."""
    return [handle.create, handle.put, lambda record: handle.put_if_version(record, 2)]


def race_numbers(trial: Trial, usual: int) -> Iterator[int]:
    """The numbers of a rule's races, of which there are `usual` many, and as many as there is time
    for where the backend's code runs elsewhere, so that no call can be stopped in its midst."""
    if trial.target.in_process:
        yield from range(usual)
    else:
        yield from numbers(trial, _RACES_ELSEWHERE, until=limit_of(trial, _SECONDS_ELSEWHERE))


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
