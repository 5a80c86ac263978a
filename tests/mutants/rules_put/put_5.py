"""Mutants of PUT-5."""

from __future__ import annotations

from mutants.base import (
    Blobs,
    Seamed,
    key_of,
)
from pmcp_storage import (
    TaskRecord,
)


class IdenticalPutIsNoWrite(Seamed):
    """breaks PUT-5: a put that changes nothing is skipped, as by MySQL's row count, etags and
    change detection of ORMs.
    """

    def _put(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        if row is not None and row.data == record.to_json():
            return row.version
        return super()._put(record)


class OverwriteRemovesTheBlob(Blobs):
    """breaks PUT-5: an overwrite removes the former blob last, which is the new one where the data
    is the same: blobs are named by a hash of what they hold.
    """

    def _put(self, record: TaskRecord) -> int:
        former = self.row(key_of(record))
        version = super()._put(record)
        self.drop(former)
        return version
