"""Mutants of EXP-11."""

from __future__ import annotations

from mutants.base import Seamed, key_of
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    StorageError,
    TaskRecord,
)


class CreateOnExpiredGoesOn(Seamed):
    """breaks EXP-11: creating over an expired record works, but continues from its version."""

    def _create(self, record: TaskRecord) -> int:
        return self._put(record) if self.expired(key_of(record)) else super()._create(record)


class CreateOnExpiredFails(Seamed):
    """breaks EXP-11: creating over an expired record fails for good: invisible, but in the way."""

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except AlreadyExistsError as error:
            raised: StorageError = error
            if self.expired(key_of(record)):
                raised = BackendError("the row is expired, but could not be replaced")
            raise raised from None


class CreateOnExpiredIsListedTwice(Seamed):
    """breaks EXP-11: what replaces an expired record is listed twice: the index keeps both."""

    def _create(self, record: TaskRecord) -> int:
        if not self.expired(key_of(record)):
            return super()._create(record)
        self._delete(*key_of(record))
        version = super()._create(record)
        self._storage._task_ids[record.owner_id].append(record.task_id)
        return version


class CreateOnExpiredKeepsTheExpiry(Seamed):
    """breaks EXP-11: what is created over an expired record keeps the old expiry in the storage,
    which will remove it: SET without the attribute that stays.
    """

    def _create(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        if row is None or not self.expired(key_of(record)):
            return super()._create(record)
        self._delete(*key_of(record))
        version = super()._create(record)
        self.overwrite(key_of(record), expires_at=row.expires_at)
        return version
