"""Optimistic increments of a counter, the same in the rule's process and in its children."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    OutcomeUnknownError,
    StorageBackend,
    TaskRecord,
)

_ATTEMPTS = 1000
"""For one increment, on average, before a process gives up: progress is another rule's business."""


class Increments(NamedTuple):
    """How many increments were acknowledged, and of how many nobody knows."""

    acknowledged: int
    unknown: int


def increment(handle: StorageBackend, record: TaskRecord, times: int) -> Increments:
    """Increment the record's variable `counter` that often, in two threads.

    Two, because a lock of the process can fall to another thread when one of them opens and closes
    the same file.
    """
    with ThreadPoolExecutor(2) as pool:
        halves = [times // 2, times - times // 2]
        one, other = pool.map(partial(_increment_alone, handle, record), halves)
    return Increments(one.acknowledged + other.acknowledged, one.unknown + other.unknown)


def _increment_alone(handle: StorageBackend, record: TaskRecord, times: int) -> Increments:
    acknowledged = 0
    unknown = 0
    for _ in range(times * _ATTEMPTS):
        if acknowledged + unknown == times:
            break
        try:
            found = handle.get(record.owner_id, record.task_id)
            counter = {"counter": found.record.variables["counter"] + 1}
            handle.put_if_version(record.model_copy(update={"variables": counter}), found.version)
            acknowledged += 1
        except OutcomeUnknownError:
            unknown += 1
        except (ConcurrentModificationError, BackendError):
            continue  # neither is applied
    return Increments(acknowledged, unknown)
