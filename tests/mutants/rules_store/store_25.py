"""Mutants of STORE-25."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    InMemoryBackend,
    TaskPage,
    VersionedRecord,
)


class OldestFirst(Seam):
    """breaks STORE-25: a page is in the order of creation."""

    def list(self, *args: Any, **kwargs: Any) -> TaskPage:
        page = super().list(*args, **kwargs)
        return TaskPage(page.tasks[::-1], page.next_cursor)


class PagesOverlap(InMemoryBackend):
    """breaks STORE-25: a page begins with the last task of the one before: >= in place of >."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return found if after is None else [self._get(owner_id, after), *found][:limit]


class ShortPages(Seam):
    """breaks STORE-25: the expired are taken out of a page after its tasks were counted, and a
    page without any task ends the listing.
    """

    def list(self, owner_id: str, **options: Any) -> TaskPage:
        page = super().list(owner_id, **options)
        return page if len(page.tasks) != 1 else TaskPage(page.tasks, None)
