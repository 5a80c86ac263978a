"""Mutants of CAS-10."""

from __future__ import annotations

from contextlib import suppress

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    TaskRecord,
)


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
    """breaks CAS-10: a negative version is an ordinary conflict, which a caller then retries
    forever.
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
