"""Mutants of CON-6."""

from __future__ import annotations

import threading

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.rules_con.support import HalfLocked
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)


class SwapBringsBack(HalfLocked):
    """breaks CON-6: put_if_version compares, then writes with a statement that also inserts: a
    record deleted in between is back.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._writers: threading.Lock = vars(self._storage).setdefault("writers", threading.Lock())

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self._writers:
            self.check(key_of(record), expected_version)
            return self.store(key_of(record), record, expected_version + 1)


class DeleteYields(Seamed):
    """breaks CON-6: delete removes the version that it has looked up and finds nothing to remove
    when a write came in between.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        key = (owner_id, task_id)
        found = self.version(key)
        with self._storage.lock:
            row = self._storage.rows.get(key)
            return row is not None and row.version == found and self._storage.remove(key)
