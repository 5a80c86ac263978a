"""Mutants of DEL: deleting a record."""

from __future__ import annotations

from typing import cast

from mutants.base import Seamed
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row


class DeleteCountsRows(InMemoryBackend):
    """breaks DEL-1: delete returns the number of rows instead of True, as drivers do."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return cast("bool", int(super()._delete(owner_id, task_id)))


class DeletedIsStillListed(Seamed):
    """breaks DEL-1: the listing shows a deleted task, as an index that is cleaned up later does."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._ghosts: list[VersionedRecord] = []

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if self.version((owner_id, task_id)):
            self._ghosts = [self._get(owner_id, task_id)]
        return super()._delete(owner_id, task_id)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        there = {entry.record.task_id for entry in found}
        ghosts = [g for g in self._ghosts if g.record.owner_id == owner_id]
        if after is None and found:
            found += [g for g in ghosts if g.record.task_id not in there]
        return sorted(found, key=lambda entry: entry.record.task_id, reverse=True)


class DeletedIsStillRead(Seamed):
    """breaks DEL-1: get finds a deleted record in its cache; only the listing has lost it."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._cache: dict[Key, VersionedRecord] = {}

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if self.version((owner_id, task_id)):
            self._cache[owner_id, task_id] = super()._get(owner_id, task_id)
        return super()._delete(owner_id, task_id)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            if (owner_id, task_id) in self._cache:
                return self._cache.pop((owner_id, task_id))
            raise


class DeleteAlwaysSaysTrue(InMemoryBackend):
    """breaks DEL-2: deleting an absent key returns True, as DeleteItem does that never tells."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        super()._delete(owner_id, task_id)
        return True


class SecondDeleteIsNotFound(InMemoryBackend):
    """breaks DEL-2: deleting an absent key raises NotFoundError, as HTTP interfaces do."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if not super()._delete(owner_id, task_id):
            raise NotFoundError(owner_id, task_id)
        return True


class SecondDeleteFindsTheTombstone(Seamed):
    """breaks DEL-2: the second delete finds the tombstone of the first and returns True."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._tombstones: set[Key] = set()

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = super()._delete(owner_id, task_id)
        if found:
            self._tombstones.add((owner_id, task_id))
            return True
        if (owner_id, task_id) in self._tombstones:
            self._tombstones.remove((owner_id, task_id))
            return True
        return False


class DeleteMore(MemoryStorage):
    """Deletes other keys along with one that is present."""

    def along(self, key: Key, other: Key) -> bool:
        return False

    def remove(self, key: Key) -> bool:
        if not super().remove(key):
            return False
        for other in list(self.rows):
            if self.along(key, other):
                super().remove(other)
        return True


class DeleteByPrefix(DeleteMore):
    """breaks DEL-3: all ids that begin alike go along, as with SCAN key* and folders of files."""

    def along(self, key: Key, other: Key) -> bool:
        return other[0] == key[0] and other[1].startswith(key[1])


class DeleteBySubstring(DeleteMore):
    """breaks DEL-3: ids that contain the deleted one go along, as with LIKE '%id%'."""

    def along(self, key: Key, other: Key) -> bool:
        return other[0] == key[0] and key[1] in other[1]


class DeleteForEveryOwner(DeleteMore):
    """breaks DEL-3: the task goes for every owner: the owner is missing from the WHERE."""

    def along(self, key: Key, other: Key) -> bool:
        return other[1] == key[1]


class DeleteByOwnerPrefix(DeleteMore):
    """breaks DEL-3: the same task of owners that begin alike goes along."""

    def along(self, key: Key, other: Key) -> bool:
        return other[1] == key[1] and other[0].startswith(key[0])


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
    """breaks DEL-4: an emptied owner cannot create any more, as where it is marked as deleted."""

    def _create(self, record: TaskRecord) -> int:
        if record.owner_id in self._emptied:
            raise BackendError("the owner was deleted")
        return super()._create(record)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return InMemoryBackend._list_by_owner(self, owner_id, limit=limit, after=after)
