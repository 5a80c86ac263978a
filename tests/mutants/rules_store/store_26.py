"""Mutants of STORE-26."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    InMemoryBackend,
    InvalidCursorError,
    StoreConfig,
    TaskPage,
    VersionedRecord,
)
from pmcp_storage.store import validation
from pmcp_storage.store.cursor import mint_cursor, read_cursor
from pmcp_storage.store.translation import raises_task_errors


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


class CursorsAreOffsets(Seam):
    """breaks STORE-26: a cursor says how many tasks have been shown; where there are newer ones,
    tasks are shown twice, and where some are gone, others are left out.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        @raises_task_errors
        async def list(self, owner_id: str, *, cursor: Any = None, limit: Any = None) -> TaskPage:
            owner, size = self._owner(owner_id), validation.accept_limit(limit, self._config)
            shown = 0 if cursor is None else int(read_cursor(owner, cursor))
            rows = await self._backend.list_by_owner(owner, limit=1_000)
            live = [row for row in rows if not row.record.is_expired(datetime.now(UTC))][shown:]
            more = mint_cursor(owner, f"{shown + size}") if len(live) > size else None
            return TaskPage(live[:size], more)


class CursorsKeepTheirLimit(Seam):
    """breaks STORE-26: the size of the first page is part of the cursor, and holds for all pages
    after it.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        @raises_task_errors
        async def list(self, owner_id: str, *, cursor: Any = None, limit: Any = None) -> TaskPage:
            owner = self._owner(owner_id)
            if cursor is not None:
                size, _, position = read_cursor(owner, cursor).partition(" ")
                cursor, limit = mint_cursor(owner, position), int(size)
            page = await super().list(owner_id, cursor=cursor, limit=limit)
            if page.next_cursor is None:
                return page
            position = read_cursor(owner, page.next_cursor)
            size = f"{limit or self._config.page_size}"
            return TaskPage(page.tasks, mint_cursor(owner, f"{size} {position}"))
