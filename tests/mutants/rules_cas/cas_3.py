"""Mutants of CAS-3."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    BackendError,
    NotFoundError,
    TaskRecord,
)


class AcceptsLaterVersions(Seamed):
    """breaks CAS-3: any version from the stored one on is accepted: <= in place of =, as in
    last-write-wins schemes.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        if 0 < stored < expected_version:
            expected_version = stored
        return super()._put_if_version(record, expected_version)


class FutureVersionsAreAbsent(Seamed):
    """breaks CAS-3: a version never reached raises NotFoundError, as event stores do, where the
    version names a row of its own.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if expected_version > self.version(key_of(record)):
            raise NotFoundError(*key_of(record))
        return super()._put_if_version(record, expected_version)


class ExpectedVersionsWrapCompared(Seamed):
    """breaks CAS-3: only the lowest 32 bits of the expected version are compared, as in a packed
    etag.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        if expected_version > 2**32 and stored:
            return super()._put_if_version(record, stored)
        return super()._put_if_version(record, expected_version)


class ExpectedVersionsWrap(SqliteRows):
    """breaks CAS-3: an expected version is passed as a C int, and wraps: 2^32 + 2 is 2."""

    def sent(self, number: int) -> int:
        return (number + 2**31) % 2**32 - 2**31


class LongVersionsFail(SqliteRows):
    """breaks CAS-3: a version that the driver cannot bind is a failure of the storage, and not one
    that no record has.
    """

    def sent(self, number: int) -> int:
        if number > 2**63 - 1:
            raise BackendError("SQLite fails: Python int too large to convert to SQLite INTEGER")
        return number
