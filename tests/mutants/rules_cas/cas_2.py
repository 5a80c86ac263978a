"""Mutants of CAS-2."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.postgres import PgBackend, values
from pmcp_storage import (
    ConcurrentModificationError,
    InMemoryBackend,
    TaskRecord,
)


class ReportsTheExpectedVersion(InMemoryBackend):
    """breaks CAS-2: the conflict reports the expected version as the stored one, as where the
    storage only says that the condition failed.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            raise ConcurrentModificationError(
                *key_of(record), expected_version, expected_version
            ) from None


class GuessesTheStoredVersion(InMemoryBackend):
    """breaks CAS-2: the conflict reports the version after the expected one, which is right as
    long as nobody is behind by more.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            actual = error.actual_version
            guess = expected_version + 1 if actual > expected_version else actual
            raise ConcurrentModificationError(*key_of(record), expected_version, guess) from None


class AcceptsOlderVersions(Seamed):
    """breaks CAS-2: any version up to the stored one is accepted: >= in place of =."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        return super()._put_if_version(record, max(stored, expected_version))


class UpsertsWhereTheVersionFits(PgBackend):
    """breaks CAS-2: INSERT ... ON CONFLICT DO UPDATE ... WHERE the version is the expected one
    raises no error where it is another, and nobody looks whether it has written a row.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        swap = "WHERE stored.version = %(expected)s RETURNING version"
        upsert = self.upsert.replace("RETURNING version", swap)
        self.write(upsert, **values(record), expected=expected_version)
        return expected_version + 1


class ConflictsSplitKeys(InMemoryBackend):
    """breaks CAS-2: the error has the ids of a path that was split at its last slash."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            owner, _, task = f"{record.owner_id}/{record.task_id}".rpartition("/")
            versions = expected_version, error.actual_version
            raise ConcurrentModificationError(owner, task, *versions) from error
