"""The backend that keeps the contract: what it answers is what a correct one would."""

from __future__ import annotations

from typing import Any

from pmcp_conformance.targets.memory import MemoryTarget
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    MemoryStorage,
    RecordTooLargeError,
    StorageBackend,
    TaskRecord,
)


class ReferenceTarget(MemoryTarget):
    """The reference, with the limit on a record's size that another target declares."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self._limit = limit

    def open(self) -> StorageBackend:
        return super().open() if self._limit is None else _Limited(self._storage, self._limit)

    def open_misconfigured(self) -> StorageBackend:
        return InMemoryBackend(_Missing())


class _Missing(MemoryStorage):
    """Storage that is missing: whatever looks for it is refused."""

    def __getattribute__(self, name: str) -> Any:
        raise BackendError("the storage is missing: set it up first")


class _Limited(InMemoryBackend):
    """Refuses records over a limit."""

    def __init__(self, storage: MemoryStorage, limit: int) -> None:
        super().__init__(storage)
        self._limit = limit

    def _create(self, record: TaskRecord) -> int:
        return super()._create(self._checked(record))

    def _put(self, record: TaskRecord) -> int:
        return super()._put(self._checked(record))

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return super()._put_if_version(self._checked(record), expected_version)

    def _checked(self, record: TaskRecord) -> TaskRecord:
        size = len(record.to_json().encode())
        if size > self._limit:
            raise RecordTooLargeError(size, self._limit)
        return record
