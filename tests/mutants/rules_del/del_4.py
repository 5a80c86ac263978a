"""Mutants of DEL-4."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row


class EmptyOwnerFails(Seamed):
    """breaks DEL-4: listing an owner whose last task is gone fails, as where its index is dropped
    with the last entry but the owner is still registered.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._emptied: set[str] = set()

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = super()._delete(owner_id, task_id)
        if found and owner_id not in self._storage._task_ids:
            self._emptied.add(owner_id)
        return found

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        if not found and owner_id in self._emptied:
            raise BackendError("the owner is registered, but its index is missing")
        return found


class EmptiedOwnerIsNotListed(MemoryStorage):
    """breaks DEL-4: what an emptied owner writes again is not listed, since its dropped index is
    believed to exist.
    """

    def __init__(self) -> None:
        super().__init__()
        self._emptied: set[str] = set()

    def remove(self, key: Key) -> bool:
        found = super().remove(key)
        if found and key[0] not in self._task_ids:
            self._emptied.add(key[0])
        return found

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        if owner_id in self._emptied:
            return []
        return super().page(owner_id, limit, after)


class EmptiedOwnerIsLocked(EmptyOwnerFails):
    """breaks DEL-4: an emptied owner can no longer create, as where it is marked as deleted."""

    def _create(self, record: TaskRecord) -> int:
        if record.owner_id in self._emptied:
            raise BackendError("the owner was deleted")
        return super()._create(record)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return InMemoryBackend._list_by_owner(self, owner_id, limit=limit, after=after)
