"""Mutants of STORE-25."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    InMemoryBackend,
    TaskPage,
    VersionedRecord,
)
from pmcp_storage.store import validation
from pmcp_storage.store.cursor import mint_cursor, read_cursor
from pmcp_storage.store.translation import raises_task_errors


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


class PagesAreNotRefilled(Seam):
    """breaks STORE-25: expired tasks leave gaps in a page, as filters behind a query do."""

    class rules(AsyncTaskStore):  # noqa: N801
        @raises_task_errors
        async def list(self, owner_id: str, *, cursor: Any = None, limit: Any = None) -> TaskPage:
            owner, size = self._owner(owner_id), validation.accept_limit(limit, self._config)
            after = None if cursor is None else read_cursor(owner, cursor)
            rows = await self._backend.list_by_owner(owner, limit=size + 1, after=after)
            last = rows[size - 1].record.task_id if len(rows) > size else None
            live = [row for row in rows[:size] if not row.record.is_expired(datetime.now(UTC))]
            return TaskPage(live, last and mint_cursor(owner, last))


class GivesUpOnTheExpired(Seam):
    """breaks STORE-25: a page that could not be filled in a few requests ends the listing, and
    tasks behind many expired ones are lost.
    """

    def list(self, owner_id: str, *, cursor: Any = None, limit: Any = None) -> TaskPage:
        page = super().list(owner_id, cursor=cursor, limit=limit)
        full = len(page.tasks) == (limit or self.config.page_size)
        return page if full else TaskPage(page.tasks, None)
