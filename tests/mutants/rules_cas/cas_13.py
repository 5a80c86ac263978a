"""Mutants of CAS-13."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    TaskRecord,
)


class LatestVersionAsText(Seamed):
    """breaks CAS-13: put takes the greatest version as text, so 10 is followed by 10 forever, as
    with MAX over a text column and with string sort keys.
    """

    def _put(self, record: TaskRecord) -> int:
        stored = self.version(key_of(record))
        version = super()._put(record)
        if 10 <= stored < 90:
            version = int(max("9", str(stored))) + 1
            self.overwrite(key_of(record), version=version)
        return version


class VersionsAsText(Seamed):
    """breaks CAS-13: versions are compared as text, so 2 passes for later than 11, as hash fields
    and string columns are.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        if expected_version < stored and str(expected_version) > str(stored):
            expected_version = stored
        return super()._put_if_version(record, expected_version)


class VersionsOfOneDigit(Seamed):
    """breaks CAS-13: at version 10 a put_if_version with 9 passes, since a fixed-width column cuts
    the last digit off.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        if (stored, expected_version) == (10, 9):
            expected_version = stored
        return super()._put_if_version(record, expected_version)
