"""Mutants of CRE-1."""

from __future__ import annotations

from mutants.base import (
    key_of,
)
from pmcp_storage import (
    InMemoryBackend,
    TaskRecord,
)


class CreateReturnsRowId(InMemoryBackend):
    """breaks CRE-1: create returns the number of the row instead of the version: cursor.lastrowid
    is 1 in an empty table only.
    """

    def _create(self, record: TaskRecord) -> int:
        super()._create(record)
        return len(self._storage.rows) + 1


class VersionsFromZero(InMemoryBackend):
    """breaks CRE-1: a created record is at version 0 although create returns 1: the column's
    default is 0 and the code assumes 1.
    """

    def _create(self, record: TaskRecord) -> int:
        super()._create(record)
        key = key_of(record)
        with self._storage.lock:
            self._storage.write(key, self._storage.rows[key]._replace(version=0))
        return 1
