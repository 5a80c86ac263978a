"""Mutants of CRE-3."""

from __future__ import annotations

from datetime import datetime

from mutants.base import (
    Altering,
    Overflowing,
    Seamed,
    key_of,
)
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


class DeletedVersionsGoOn(MemoryStorage):
    """breaks CRE-3: a record created after a delete continues from the version of the deleted
    one, as with tombstones that keep the row.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tombstones: dict[Key, int] = {}

    def remove(self, key: Key) -> bool:
        if key in self.rows:
            self.tombstones[key] = self.rows[key].version
        return super().remove(key)

    def write(self, key: Key, row: Row) -> None:
        last = self.tombstones.pop(key, 0)
        super().write(key, row._replace(version=row.version + last))


class ExpiryOutlivesADelete(MemoryStorage):
    """breaks CRE-3: a created record without expiry inherits that of the deleted one, as where
    expiries are kept in a table of their own that delete forgets.
    """

    def __init__(self) -> None:
        super().__init__()
        self.expiries: dict[Key, datetime | None] = {}

    def remove(self, key: Key) -> bool:
        if key in self.rows:
            self.expiries[key] = self.rows[key].expires_at
        return super().remove(key)

    def write(self, key: Key, row: Row) -> None:
        left = self.expiries.pop(key, None)
        super().write(key, row._replace(expires_at=row.expires_at or left))


class VariablesOutliveADelete(Altering):
    """breaks CRE-3: a record created again without variables has those of the deleted one, as in
    a hash of which only the given fields are set and delete removes the others.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._left: dict[Key, TaskRecord] = {}

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if self.version((owner_id, task_id)):
            self._left[owner_id, task_id] = self._get(owner_id, task_id).record
        return super()._delete(owner_id, task_id)

    def altered(self, record: TaskRecord) -> TaskRecord:
        left = self._left.pop(key_of(record), None)
        if left is None or record.variables:
            return record
        return record.model_copy(update={"variables": left.variables})


class OverflowOutlivesADelete(Overflowing):
    """breaks CRE-3: data over 256 KB goes to another place, which is read first, and a delete
    forgets it there.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return Seamed._delete(self, owner_id, task_id)

    def _create(self, record: TaskRecord) -> int:
        return Seamed._create(self, record)
