"""Mutants of PUT-1."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from pmcp_storage import (
    NotFoundError,
    TaskRecord,
)


class PutUpdatesOnly(Seamed):
    """breaks PUT-1: put of an absent key raises NotFoundError, as UPDATE without INSERT does when
    its row count is checked.
    """

    def _put(self, record: TaskRecord) -> int:
        if not self.version(key_of(record)):
            raise NotFoundError(*key_of(record))
        return super()._put(record)


class FirstPutWritesTwice(Seamed):
    """breaks PUT-1: the first put ends at version 2, being an insert followed by an update."""

    def _put(self, record: TaskRecord) -> int:
        if not self.version(key_of(record)):
            self._create(record)
        return super()._put(record)


class XminIsTheVersion(PgBackend):
    """breaks PUT-1: the version is the system column xmin, as object-relational mappers use it for
    optimistic concurrency: the number of a transaction, not of a write.
    """

    shown = "task_id, data, xmin::text::bigint"
    upsert = PgBackend.upsert.replace("RETURNING version", "RETURNING xmin::text::bigint")
    swap = "{update} AND xmin::text::bigint = %(expected)s"
