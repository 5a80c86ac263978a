"""Mutants of LIST-2."""

from __future__ import annotations

from typing import Any

from pmcp_storage import (
    InMemoryBackend,
    NotFoundError,
    VersionedRecord,
)


class UnknownOwnerIsNotFound(InMemoryBackend):
    """breaks LIST-2: listing an unknown owner raises NotFoundError, as a folder or a bucket that
    is missing does.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if owner_id not in {owner for owner, _ in self._storage.rows}:
            raise NotFoundError(owner_id, "")
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class UnknownOwnerListsNone(InMemoryBackend):
    """breaks LIST-2: the listing of an unknown owner is None instead of empty: dict.get without a
    default.
    """

    def _list_by_owner(self, owner_id: str, *, limit: int, after: str | None) -> Any:
        known = owner_id in {owner for owner, _ in self._storage.rows}
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return found if known else None
