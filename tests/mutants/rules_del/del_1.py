"""Mutants of DEL-1."""

from __future__ import annotations

from typing import cast

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    NotFoundError,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


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
