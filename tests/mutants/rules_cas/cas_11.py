"""Mutants of CAS-11."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    TaskRecord,
)


class EqualRecordsAreRetries(Seamed):
    """breaks CAS-11: a stale put_if_version of an equal record counts as done already, as clients
    do that compare values to survive a lost answer.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        if row and row.version > expected_version and row.data == record.to_json():
            return row.version
        return super()._put_if_version(record, expected_version)
