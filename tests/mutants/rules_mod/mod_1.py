"""Mutants of MOD-1."""

from __future__ import annotations

from datetime import datetime

from mutants.base import (
    Seamed,
    key_of,
)
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


class FormerLifeStillCounts(Seamed):
    """breaks MOD-1: after a delete and a new creation, put_if_version still accepts the version of
    the deleted record, which a cache by key and version remembers.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._last: dict[Key, int] = {}

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._last[owner_id, task_id] = self.version((owner_id, task_id))
        return super()._delete(owner_id, task_id)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        stored = self.version(key_of(record))
        if 0 < stored < expected_version == self._last.get(key_of(record)):
            expected_version = stored
        return super()._put_if_version(record, expected_version)


class PageIsRemembered(Seamed):
    """breaks MOD-1: pages come from a cache of the owner's listing that creations and deletions
    clear and overwriting does not.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._listings: dict[str, list[VersionedRecord]] = {}

    def _create(self, record: TaskRecord) -> int:
        self._listings.clear()
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        if not self.version(key_of(record)):
            self._listings.clear()
        return super()._put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._listings.clear()
        return super()._delete(owner_id, task_id)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if limit >= 100:
            return super()._list_by_owner(owner_id, limit=limit, after=after)
        whole = super()._list_by_owner(owner_id, limit=10_000, after=None)
        found = self._listings.setdefault(owner_id, whole)
        return [e for e in found if after is None or e.record.task_id < after][:limit]


class FullPageForgetsOne(InMemoryBackend):
    """breaks MOD-1: a page after an id, that exactly exhausts the owner, lacks its last entry."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit + 1, after=after)
        exact = after is not None and 2 < len(found) == limit
        return found[:-1] if exact else found[:limit]


class CountAfterDeletes(Seamed):
    """breaks MOD-1: a counter per owner is not lowered when an overwritten record is deleted."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._surplus: dict[str, int] = {}

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if self.version((owner_id, task_id)) > 2:
            self._surplus[owner_id] = 1
        return super()._delete(owner_id, task_id)

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        found = super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        surplus = self._surplus.get(owner_id, 0) if 0 < found < (at_most or 0) else 0
        return found + surplus
