"""Mutants of CAS-12."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    ConcurrentModificationError,
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key


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
