"""What the tests of the task stores share: calls, expired records, and backends that interfere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pmcp_storage import (
    GenericTaskStore,
    InMemoryBackend,
    MemoryStorage,
    StorageBackend,
    StoreConfig,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)
from support.records import make_record

HOUR = timedelta(hours=1)
NO_QUOTA = StoreConfig(max_tasks_per_owner=None)

OPERATIONS: dict[str, Callable[[GenericTaskStore, str], object]] = {
    "get": lambda store, owner: store.get(owner, "t"),
    "update_status": lambda store, owner: store.update_status(
        owner, "t", TaskStatus.INPUT_REQUIRED
    ),
    "set_variables": lambda store, owner: store.set_variables(owner, "t", {"a": 1}),
    "set_result": lambda store, owner: store.set_result(owner, "t", 1),
    "complete_with_result": lambda store, owner: store.complete_with_result(
        owner, "t", TaskStatus.COMPLETED, 1
    ),
    "get_result": lambda store, owner: store.get_result(owner, "t"),
    "cancel": lambda store, owner: store.cancel(owner, "t"),
}
"""The operations that raise where there is no task."""


CHANGES = ("update_status", "set_variables", "set_result", "complete_with_result", "cancel")
"""Those of OPERATIONS that change the task."""


def expired(task_id: str = "t", owner_id: str = "o") -> TaskRecord:
    """A record that expired an hour ago."""
    return make_record(task_id, owner_id, expires_at=datetime.now(UTC) - HOUR)


class CountingBackend(InMemoryBackend):
    """Counts the requests, by operation."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self.requests: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in StorageBackend.__abstractmethods__ | {"_put", "_count_by_owner"}:
            self.requests[name.removeprefix("_")] += 1
        return value


class InterferingBackend(InMemoryBackend):
    """Does something once, right after the next read."""

    interfere: Callable[[StorageBackend], object] | None = None

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        act, self.interfere = self.interfere, None
        if act is not None:
            act(InMemoryBackend(self._storage))
        return found


class FailingBackend(InMemoryBackend):
    """Raises an error from every operation but the reads."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def _create(self, record: TaskRecord) -> int:
        raise self.error

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        raise self.error
