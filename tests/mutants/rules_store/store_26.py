"""Mutants of STORE-26."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    InMemoryBackend,
    InvalidCursorError,
    StoreConfig,
    VersionedRecord,
)


class CursorsNeedTheirTask(InMemoryBackend):
    """breaks STORE-26: a page begins where the cursor's task is, and is empty where that is
    gone.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            gone = after is not None and (owner_id, after) not in self._storage.rows
        return [] if gone else super()._list_by_owner(owner_id, limit=limit, after=after)


class CursorsLiveInTheStore(Seam):
    """breaks STORE-26: the store remembers its cursors, and no other process knows them."""

    def __init__(self, backend: Any, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.minted: set[str | None] = {None}

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        if cursor not in self.minted:
            raise InvalidCursorError
        page = super().list(owner_id, cursor=cursor, limit=limit)
        self.minted.add(page.next_cursor)
        return page
