"""Mutants of PUT-3."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key


class PutCountsItsOwn(Seamed):
    """breaks PUT-3: put returns what this handle has counted, although put_if_version has advanced
    the stored version meanwhile, as a cached version column does.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._counted: dict[Key, int] = {}

    def _put(self, record: TaskRecord) -> int:
        before = self._counted.get(key_of(record), self.version(key_of(record)))
        super()._put(record)
        self._counted[key_of(record)] = before + 1
        return before + 1

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._counted.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)
