"""Task stores for the rules, over a backend that counts the requests that they send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import GenericTaskStore, StorageBackend, StoreConfig, TaskRecord, VersionedRecord


class CountingBackend(StorageBackend):
    """A StorageBackend that passes everything on to a recorded handle.

    `requests` counts the operations by name and `rows` the records that listings returned;
    `after_get` is called after each get that found a record. Every key that is written is noted in
    `keys`, so that it is cleaned up.
    """

    def __init__(self, handle: RecordedBackend, keys: dict[tuple[str, str], None]) -> None:
        self._handle = handle
        self._keys = keys
        self.requests: Counter[str] = Counter()
        self.rows = 0
        self.after_get: Callable[[], object] | None = None

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        self.requests["get"] += 1
        found = self._handle.get(owner_id, task_id)
        if self.after_get is not None:
            self.after_get()
        return found

    def _create(self, record: TaskRecord) -> int:
        self._will_write("create", record)
        return self._handle.create(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self._will_write("put_if_version", record)
        return self._handle.put_if_version(record, expected_version)

    def _put(self, record: TaskRecord) -> int:
        self._will_write("put", record)
        return self._handle.put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self.requests["delete"] += 1
        return self._handle.delete(owner_id, task_id)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        self.requests["list_by_owner"] += 1
        found = self._handle.list_by_owner(owner_id, limit=limit, after=after)
        self.rows += len(found)
        return found

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        self.requests["count_by_owner"] += 1
        return self._handle.count_by_owner(owner_id, live_at=live_at, at_most=at_most)

    def _cleanup_expired(self) -> int:
        self.requests["cleanup_expired"] += 1
        return self._handle.cleanup_expired()

    def _will_write(self, operation: str, record: TaskRecord) -> None:
        self.requests[operation] += 1
        self._keys[record.owner_id, record.task_id] = None


class StoreBench:
    """Task stores over the backend of a trial, whose requests are counted by `backend`."""

    def __init__(self, trial: Trial) -> None:
        self._target = trial.target
        self._keys = trial.cleanup.keys
        self.backend = CountingBackend(trial.backend, trial.cleanup.keys)

    def store(self, **settings: Any) -> GenericTaskStore:
        """A task store over `backend`, with these settings; without a quota unless given."""
        return self._target.store_class(self.backend, store_config(**settings))

    def store_over(self, handle: RecordedBackend) -> GenericTaskStore:
        """A task store over a further handle."""
        return self._target.store_class(CountingBackend(handle, self._keys), store_config())


def store_config(**settings: Any) -> StoreConfig:
    """A configuration with these settings; without a quota unless given."""
    return StoreConfig(**{"max_tasks_per_owner": None, **settings})
