"""Mutants of CAS-9."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


class SwapRevivesTheDeleted(Seamed):
    """breaks CAS-9: put_if_version finds a deleted row by its version and brings it back: the
    UPDATE forgets the column that marks deletion.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._deleted: dict[Key, Row] = {}

    def _delete(self, owner_id: str, task_id: str) -> bool:
        row = self.row((owner_id, task_id))
        if row is not None:
            self._deleted[owner_id, task_id] = row
        return super()._delete(owner_id, task_id)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        left = self._deleted.get(key_of(record))
        if left and left.version == expected_version and not self.version(key_of(record)):
            with self._storage.lock:
                self._storage.write(key_of(record), self._deleted.pop(key_of(record)))
        return super()._put_if_version(record, expected_version)
