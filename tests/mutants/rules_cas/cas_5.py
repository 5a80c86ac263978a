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
