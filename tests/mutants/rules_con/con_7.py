"""Mutants of CON-7."""

from __future__ import annotations

import threading

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend
from mutants.rules_con.support import HalfLocked, VersionsLookedUpLater
from pmcp_storage import (
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row


class ListingReadsInTwoSteps(VersionsLookedUpLater):
    """breaks CON-7: a listing reads the records and then their versions."""


class WritesInTwoSteps(HalfLocked):
    """breaks CON-7: the record is stored first and its version after it, as two keys of a store
    without transactions are; a lock excludes writers, but not readers.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._writers: threading.Lock = vars(self._storage).setdefault("writers", threading.Lock())

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = key_of(record)
        with self._writers:
            self.check(key, expected_version)
            self.overwrite(key, data=record.to_json(), expires_at=record.expires_at)
            self.overwrite(key, version=expected_version + 1)
        return expected_version + 1


class ReadsInTwoSteps(Seamed):
    """breaks CON-7: get reads the version and then the record."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        version = self.version((owner_id, task_id))
        row = self.row((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return read_row(owner_id, task_id, row.data, version)


class ReadsALentBuffer(Seamed):
    """breaks CON-7: get finds a record in a buffer that it is lent, and decodes it later; the
    second write after that has used the buffer again, as LMDB does when the transaction is over.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        lent = self.row((owner_id, task_id))
        if lent is None:
            raise NotFoundError(owner_id, task_id)
        now = self.row((owner_id, task_id))
        data = now.data if now and now.version >= lent.version + 2 else lent.data
        return read_row(owner_id, task_id, data, lent.version)


class ReadsInTwoStatements(PgBackend):
    """breaks CON-7: get reads the version and the record in two statements of a transaction, of
    which under READ COMMITTED each has a snapshot of its own.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        version = super()._get(owner_id, task_id).version
        return VersionedRecord(super()._get(owner_id, task_id).record, version)
