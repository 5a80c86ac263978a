"""Mutants of STORE-28."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import TaskPage


class ReadsAllForAPage(Seam):
    """breaks STORE-28: all tasks of the owner are read and the page is cut out of them."""

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        self.below.list_by_owner(owner_id)
        return super().list(owner_id, cursor=cursor, limit=limit)


class RefillsWithoutEnd(Seam):
    """breaks STORE-28: a page is refilled until it is full, and one call reads all the expired
    tasks of an owner.
    """

    def list(self, owner_id: str, *, cursor: Any = None, limit: Any = None) -> TaskPage:
        page = super().list(owner_id, cursor=cursor, limit=limit)
        while page.next_cursor and (missing := (limit or self.config.page_size) - len(page.tasks)):
            more = super().list(owner_id, cursor=page.next_cursor, limit=missing)
            page = TaskPage(page.tasks + more.tasks, more.next_cursor)
        return page
