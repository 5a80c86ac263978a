"""Shared by the mutants of ISO."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


def detached(found: VersionedRecord) -> VersionedRecord:
    return VersionedRecord(TaskRecord.from_json(found.record.to_json()), found.version)


class Caching(Seamed):
    """Keeps records as objects beside the rows; an entry counts while its version is stored."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._objects: dict[Key, VersionedRecord] = {}

    def cached(self, key: Key) -> VersionedRecord | None:
        found = self._objects.get(key)
        return found if found and found.version == self.version(key) else None

    def keep(self, record: TaskRecord, version: int) -> None:
        self._objects[key_of(record)] = VersionedRecord(record, version)
