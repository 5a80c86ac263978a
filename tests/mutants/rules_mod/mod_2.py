"""Mutants of MOD-2."""

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
from pmcp_storage.backends.memory import Key, Row


class HandleReadsItsCache(Seamed):
    """breaks MOD-2: a handle reads what it has written itself from a cache, and does not see what
    another handle wrote since.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._written: dict[Key, Row] = {}

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        self._written[key_of(record)] = self._storage.rows[key_of(record)]
        return version

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._written.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self._written.pop(key_of(record), None)
        return super()._put_if_version(record, expected_version)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        written = self._written.get((owner_id, task_id))
        found = super()._get(owner_id, task_id)
        if written is None or written.version >= found.version:
            return found
        return VersionedRecord(TaskRecord.from_json(written.data), written.version)


class HandleBatchesItsDeletes(Seamed):
    """breaks MOD-2: a delete is sent with the handle's next operation: other handles still see the
    record meanwhile.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._pending: Key | None = None

    def _flush(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            super()._delete(*pending)

    def _check_open(self) -> None:
        super()._check_open()
        self._flush()

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if not self.version((owner_id, task_id)):
            return False
        self._pending = (owner_id, task_id)
        return True

    def _close(self) -> None:
        self._flush()
