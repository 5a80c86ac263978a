"""Mutants of CAS-7."""

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


class PutHasACounterOfItsOwn(Seamed):
    """breaks CAS-7: put stores the number of creates and puts as the version and so repeats one
    that put_if_version has used.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._puts: dict[Key, int] = {}

    def _create(self, record: TaskRecord) -> int:
        self._puts[key_of(record)] = 1
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        key = key_of(record)
        self._puts[key] = self._puts.get(key, 0) + 1 if self.version(key) else 1
        super()._put(record)
        self.overwrite(key, version=self._puts[key])
        return self._puts[key]
