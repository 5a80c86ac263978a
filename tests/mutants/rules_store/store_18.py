"""Mutants of STORE-18."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    TaskPage,
    VersionedRecord,
)
from pmcp_storage.store.cursor import mint_cursor, read_cursor


class NobodyIsSomebody(Seam):
    """breaks STORE-18: anonymous owners are refused where they write and served where they read."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if owner_id in ("", "local"):
            return self.below.get("local", task_id)
        return super().get(owner_id, task_id)


class ReadsBeforeItRefuses(Seam):
    """breaks STORE-18: "" and "local" are refused after the task has been read."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if owner_id == "local":
            self.below.list_by_owner(owner_id, limit=1)
        return super().get(owner_id, task_id)


class AnonymousIsAName(Seam):
    """breaks STORE-18: tasks of callers without a name are created under "anonymous", where nobody
    but who is called so finds them.
    """

    def create(self, owner_id: str, *args: Any, **kwargs: Any) -> VersionedRecord:
        if self.config.allow_anonymous:
            owner_id = owner_id or "anonymous"
        return super().create(owner_id, *args, **kwargs)


class CursorsOfTwoNames(Seam):
    """breaks STORE-18: a cursor is bound to the name that the caller gave, so that one made for ""
    is not accepted from "local".
    """

    class rules(AsyncTaskStore):  # noqa: N801
        async def list(self, owner_id: str, *, cursor: Any = None, limit: Any = None) -> TaskPage:
            owner, name = self._owner(owner_id), f"{owner_id!r}"
            after = None if cursor is None else mint_cursor(owner, read_cursor(name, cursor))
            page = await super().list(owner_id, cursor=after, limit=limit)
            last = page.next_cursor and mint_cursor(name, read_cursor(owner, page.next_cursor))
            return TaskPage(page.tasks, last)
