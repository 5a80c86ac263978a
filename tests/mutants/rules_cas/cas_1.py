"""Mutants of CAS-1."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    BackendError,
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


class EndedTasksStay(Seamed):
    """breaks CAS-1: put_if_version refuses a record whose task has ended, as a trigger does that
    is to keep the state machine.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        former = self._get(*key_of(record))
        if former.record.status.is_terminal:
            raise BackendError("the task has ended")
        return super()._put_if_version(record, expected_version)


class IdenticalSwapIsNoWrite(Seamed):
    """breaks CAS-1: put_if_version of a record that equals the stored one is skipped, as by change
    detection: it reports the next version, and the stored one stays.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        if row and row.version == expected_version and row.data == record.to_json():
            return expected_version + 1
        return super()._put_if_version(record, expected_version)
