"""What the tests of the task stores share: records made by hand, and backends that interfere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    StorageBackend,
    Task,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)

HOUR = timedelta(hours=1)


def make(task_id: str = "t", owner_id: str = "o", **fields: Any) -> TaskRecord:
    """A working task that expires in an hour; the fields of the task are among `fields`."""
    now = datetime.now(UTC)
    values = {"status": TaskStatus.WORKING, "createdAt": now, "lastUpdatedAt": now}
    values |= {name: fields.pop(name) for name in list(fields) if name in Task.model_fields}
    values |= {name: fields.pop(name) for name in ("createdAt", "lastUpdatedAt") if name in fields}
    values |= fields.pop("unknown_of_task", {})
    task = Task.model_validate({"taskId": task_id, **values})
    whole = {"task": task, "ownerId": owner_id, "requestMethod": "tools/call"}
    return TaskRecord.model_validate({**whole, "expires_at": now + HOUR, **fields})


def expired(task_id: str = "t", owner_id: str = "o") -> TaskRecord:
    return make(task_id, owner_id, expires_at=datetime.now(UTC) - HOUR)


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
