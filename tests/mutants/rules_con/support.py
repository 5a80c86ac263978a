"""Shared by the mutants of CON."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    ConcurrentModificationError,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row


class HalfLocked(Seamed):
    """Each step holds the lock; what an operation does in two steps is not atomic."""

    def store(self, key: Key, record: TaskRecord, version: int) -> int:
        with self._storage.lock:
            self._storage.write(key, Row(record.to_json(), version, record.expires_at))
        return version

    def drop(self, key: Key) -> bool:
        with self._storage.lock:
            return self._storage.remove(key)

    def check(self, key: Key, expected_version: int) -> None:
        actual = self.version(key)
        if not actual:
            raise NotFoundError(*key)
        if actual != expected_version:
            raise ConcurrentModificationError(*key, expected_version, actual)


class Intending(Seamed):
    """Notes who is about to write a key."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._intents: dict[Key, int] = vars(self._storage).setdefault("intents", {})

    def begin(self, key: Key) -> bool:
        """Whether nobody else is about to write the key."""
        with self._storage.lock:
            self._intents[key] = self._intents.get(key, 0) + 1
        with self._storage.lock:
            return self._intents[key] == 1

    def end(self, key: Key) -> None:
        with self._storage.lock:
            self._intents[key] -= 1


class VersionsLookedUpLater(Seamed):
    """A listing adds the versions in a second step."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        keys = [(owner_id, entry.record.task_id) for entry in found]
        return [
            VersionedRecord(entry.record, self.version(key) or entry.version)
            for key, entry in zip(keys, found, strict=True)
        ]
