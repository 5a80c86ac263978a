"""Mutants of CAS: which versions count, and how they are compared."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from mutants.base import Seamed, key_of
from pmcp_storage import (
    ConcurrentModificationError,
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


class Unchecked(Seamed):
    """Handles expected versions below 1 by itself."""

    def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if type(expected_version) is int and expected_version < 1:
            return self.below_one(record, expected_version)
        return super().put_if_version(record, expected_version)

    def below_one(self, record: TaskRecord, expected_version: int) -> int:
        return super().put_if_version(record, expected_version)


class ZeroMeansUnconditional(Unchecked):
    """breaks CAS-10: an expected version of 0 or below means no condition: `if expected_version:`
    takes 0 for absent.
    """

    def below_one(self, record: TaskRecord, expected_version: int) -> int:
        return self.put(record)


class ZeroMeansAbsent(Unchecked):
    """breaks CAS-10: version 0 stands for a key that must be absent, and creates it, as
    generation 0 of object stores does.
    """

    def below_one(self, record: TaskRecord, expected_version: int) -> int:
        if not self.version(key_of(record)):
            return self.create(record)
        raise ValueError("expected_version must be at least 1")


class MinusOneIsAConflict(Unchecked):
    """breaks CAS-10: a negative version is an ordinary conflict, which a caller then retries for
    ever.
    """

    def below_one(self, record: TaskRecord, expected_version: int) -> int:
        return self._put_if_version(record, expected_version)


class ChecksAfterWriting(Unchecked):
    """breaks CAS-10: ValueError comes after an unconditional write, being raised by the code that
    formats the answer.
    """

    def below_one(self, record: TaskRecord, expected_version: int) -> int:
        with suppress(Exception):
            self.put(record)
        raise ValueError("expected_version must be at least 1")


class EqualRecordsAreRetries(Seamed):
    """breaks CAS-11: a stale put_if_version of an equal record counts as done already, as clients
    do that compare values to survive a lost answer.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        row = self.row(key_of(record))
        if row and row.version > expected_version and row.data == record.to_json():
            return row.version
        return super()._put_if_version(record, expected_version)


class RefusalsUseUpVersions(Seamed):
    """breaks CAS-12: a refused write draws a number from the sequence all the same, as database
    sequences do.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._drawn: dict[Key, int] = {}

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = key_of(record)
        try:
            version = super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            self._drawn[key] = self._drawn.get(key, 0) + 1
            raise
        version += self._drawn.pop(key, 0)
        self.overwrite(key, version=version)
        return version


class LatestVersionAsText(Seamed):
    """breaks CAS-13: put takes the greatest version as text, so 10 is followed by 10 for ever, as
    MAX over a text column and string sort keys do.
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


class VersionChanging(MemoryStorage):
    """Stores what `changed` makes of a version."""

    def changed(self, version: int) -> int:
        return version

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row._replace(version=self.changed(row.version)))


class VersionsAsFloats(VersionChanging):
    """breaks CAS-14: versions go through a double, as in Lua, JavaScript and JSON readers, and
    2^53 + 1 becomes 2^53.
    """

    def changed(self, version: int) -> int:
        return int(float(version))


class VersionsOf32Bits(VersionChanging):
    """breaks CAS-14: a column of 32 bits wraps around."""

    def changed(self, version: int) -> int:
        return (version + 2**31) % 2**32 - 2**31


class SwapComparesFloats(Seamed):
    """breaks CAS-14: versions are exact at rest but compared as doubles, where neighbours are
    equal.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored: Any = self.version(key_of(record))
        if stored and float(stored) == float(expected_version):
            expected_version = stored
        return super()._put_if_version(record, expected_version)
