"""Mutants of CON-2."""

from __future__ import annotations

import psycopg

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import Locking
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    TaskRecord,
)


class RetriesRefusedSwaps(Seamed):
    """breaks CON-2: a write that loses a race is repeated with the version that is there now, as
    a retry decorator around the whole operation does.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        found = self.version(key_of(record))
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            if found != expected_version:
                raise
            return super()._put_if_version(record, error.actual_version)


class RepeatsWhenItHasToWait(Seamed):
    """breaks CON-2: a write that had to wait for the lock is carried out twice, as by a client that
    times out and resends what was applied.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        waited = not self._storage.lock.acquire(blocking=False)
        if not waited:
            self._storage.lock.release()
        version = super()._put_if_version(record, expected_version)
        return super()._put_if_version(record, version) if waited else version


class SerializationFailuresAreSwallowed(Locking):
    """breaks CON-2: a serialization failure is logged, and the write that was rolled back by it
    acknowledged.
    """

    lock = Locking.lock.replace(" FOR UPDATE", "")
    isolation = "SERIALIZABLE"

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except BackendError as error:
            if isinstance(error.__cause__, psycopg.errors.SerializationFailure):
                return expected_version + 1
            raise
