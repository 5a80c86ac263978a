"""Mutants of CRE: creating a record."""

from __future__ import annotations

from datetime import datetime

from mutants.base import Altering, Seamed, key_of
from pmcp_storage import AlreadyExistsError, InMemoryBackend, MemoryStorage, TaskRecord
from pmcp_storage.backends.memory import Key, Row


class CreateReturnsRowId(InMemoryBackend):
    """breaks CRE-1: create returns the number of the row instead of the version: cursor.lastrowid
    is 1 in an empty table only.
    """

    def _create(self, record: TaskRecord) -> int:
        super()._create(record)
        return len(self._storage.rows) + 1


class VersionsFromZero(InMemoryBackend):
    """breaks CRE-1: a created record stands at version 0 although create returns 1, as where a
    column's default is 0 and the code assumes 1.
    """

    def _create(self, record: TaskRecord) -> int:
        super()._create(record)
        key = key_of(record)
        with self._storage.lock:
            self._storage.write(key, self._storage.rows[key]._replace(version=0))
        return 1


class CreateIsAnUpsert(InMemoryBackend):
    """breaks CRE-2: create replaces what is there, as INSERT OR REPLACE, SET and PutItem without
    a condition do.
    """

    def _create(self, record: TaskRecord) -> int:
        self._put(record)
        return 1


class CreateRefusesTooLate(Seamed):
    """breaks CRE-2: create notices the present record after it has written its own expiry, as
    where EXPIRE is sent in the same pipeline as SET NX.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except AlreadyExistsError:
            self.overwrite(key_of(record), expires_at=record.expires_at)
            raise


class CreateCountsRefusals(Seamed):
    """breaks CRE-2: a refused create advances the version, as ON CONFLICT DO UPDATE with a counter
    does.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except AlreadyExistsError:
            key = key_of(record)
            self.overwrite(key, version=self.version(key) + 1)
            raise


class CreateIsIdempotent(Seamed):
    """breaks CRE-2: creating an equal record again reports success, as layers do that take it for
    a retry of their own; two callers then both believe that they created it.
    """

    def _create(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        if row is not None and row.data == record.to_json():
            return 1
        return super()._create(record)


class DeletedVersionsGoOn(MemoryStorage):
    """breaks CRE-3: a record created after a delete goes on where the deleted one ended, as with
    tombstones that keep the row.
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
    """breaks CRE-3: an object re-created without variables has those of the deleted one, as in a
    hash of which only the fields at hand are set and delete removes the others.
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
