"""Mutants of ISO-3."""

from __future__ import annotations

from mutants.rules_iso.support import Caching, detached
from pmcp_storage import (
    MemoryStorage,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


class ListingSharesItsCache(Caching):
    """breaks ISO-3: a listing fills a cache with the objects that it returns; get copies what it
    takes from there, which is too late.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.cached((owner_id, task_id))
        return detached(found) if found else super()._get(owner_id, task_id)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        entries = super()._list_by_owner(owner_id, limit=limit, after=after)
        for entry in entries:
            self.keep(entry.record, entry.version)
        return entries


class ListingIsTheIndex(Caching):
    """breaks ISO-3: the list that a listing returns is the storage's own, so clearing it empties
    the owner.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._lists: dict[str, tuple[list[Key], list[VersionedRecord]]] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        entries = super()._list_by_owner(owner_id, limit=limit, after=after)
        state = [(entry.record.task_id, str(entry.version)) for entry in entries]
        known = self._lists.get(owner_id)
        if after is None and known and known[0] == state:
            return known[1]
        self._lists[owner_id] = (state, entries)
        return entries
