"""Mutants of PUT-5."""

from __future__ import annotations

from mutants.base import (
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
