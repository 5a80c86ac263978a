"""Mutants of CAS-6."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key


class RepeatsAreRetries(Seamed):
    """breaks CAS-6: a second put_if_version with one version is taken for a retry of the first and
    acknowledged, as idempotency tokens made of key and version do.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._done: set[tuple[Key, int]] = set()

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        attempt = (key_of(record), expected_version)
        if attempt in self._done and self.version(key_of(record)) == expected_version + 1:
            return expected_version + 1
        version = super()._put_if_version(record, expected_version)
        self._done.add(attempt)
        return version
