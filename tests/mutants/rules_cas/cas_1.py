"""Mutants of CAS-1."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    InMemoryBackend,
    TaskRecord,
)


class SwapReturnsTheExpectedVersion(InMemoryBackend):
    """breaks CAS-1: put_if_version returns the version that it was given, not the new one."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return super()._put_if_version(record, expected_version) - 1


class SwapCountsOnly(Seamed):
    """breaks CAS-1: put_if_version advances the version and keeps the former record, as where the
    statement's SET clause lost its columns.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        version = super()._put_if_version(record, expected_version)
        if row is not None:
            self.overwrite(key_of(record), data=row.data)
        return version
