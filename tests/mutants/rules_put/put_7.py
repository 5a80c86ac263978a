"""Mutants of PUT-7."""

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


class PutAfterADeleteGoesOn(Seamed):
    """breaks PUT-7: a put after a delete continues from a version that the handle remembers, as a
    cache does that delete forgets to clear.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._remembered: dict[Key, int] = {}

    def _put(self, record: TaskRecord) -> int:
        key = key_of(record)
        absent = not self.version(key)
        version = super()._put(record)
        if absent and key in self._remembered:
            version = self._remembered[key] + 1
            self.overwrite(key, version=version)
        return version

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._remembered[owner_id, task_id] = self.version((owner_id, task_id))
        return super()._delete(owner_id, task_id)
