"""Mutants of CAS-5."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    ConcurrentModificationError,
    InMemoryBackend,
    NotFoundError,
    TaskRecord,
)


class SwapIsAnUpsert(Seamed):
    """breaks CAS-5: put_if_version of an absent key creates it, as a condition that passes where
    the attribute does not exist.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if not self.version(key_of(record)):
            return self._create(record)
        return super()._put_if_version(record, expected_version)


class AbsentIsAConflict(Seamed):
    """breaks CAS-5: put_if_version of an absent key is a conflict with version 0, since a failed
    condition does not say which half failed.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if not self.version(key_of(record)):
            raise ConcurrentModificationError(*key_of(record), expected_version, 0)
        return super()._put_if_version(record, expected_version)


class RefusesAndCreates(InMemoryBackend):
    """breaks CAS-5: NotFoundError is raised after an empty shell has been created, as where a lock
    row is inserted first.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except NotFoundError:
            self._create(record)
            raise


class AbsentConflictsWithAnother(Seamed):
    """breaks CAS-5: the version of an absent key is looked up by the task alone: where another
    owner has the task, the refusal is a conflict with that one's version.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except NotFoundError as error:
            for key, row in list(self._storage.rows.items()):
                if key[1] == record.task_id:
                    raise ConcurrentModificationError(
                        *key_of(record), expected_version, row.version
                    ) from error
            raise
