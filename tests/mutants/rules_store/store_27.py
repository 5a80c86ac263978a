"""Mutants of STORE-27."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    AsyncTaskStore,
    InvalidCursorError,
    TaskPage,
)
from pmcp_storage.store.cursor import mint_cursor, read_cursor
from pmcp_storage.store.translation import raises_task_errors


class CursorsAreBareIds(Seam):
    """breaks STORE-27: a cursor is the last id in base64, and whatever decodes is taken for one."""

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        try:
            after = None if cursor is None else urlsafe_b64decode(cursor).decode() or None
        except ValueError:
            raise InvalidCursorError from None
        size = limit or 50
        tasks = self.below.list_by_owner(owner_id, limit=size, after=after)
        last = tasks[-1].record.task_id if len(tasks) == size else None
        return TaskPage(tasks, last and urlsafe_b64encode(last.encode()).decode())


class WrongCursorsStartAnew(Seam):
    """breaks STORE-27: a cursor that cannot be read is ignored: the first page again."""

    def list(self, owner_id: str, *, cursor: str | None = None, limit: int | None = None) -> Any:
        try:
            return super().list(owner_id, cursor=cursor, limit=limit)
        except InvalidCursorError:
            return super().list(owner_id, limit=limit)


class CursorsOfAnybody(Seam):
    """breaks STORE-27: a cursor is signed without its owner, and one that was made for somebody
    else is accepted.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        @raises_task_errors
        async def list(self, owner_id: str, *, cursor: Any = None, limit: Any = None) -> TaskPage:
            owner = self._owner(owner_id)
            if cursor is not None:
                cursor = mint_cursor(owner, read_cursor("anybody", cursor))
            page = await super().list(owner_id, cursor=cursor, limit=limit)
            if page.next_cursor is None:
                return page
            position = read_cursor(owner, page.next_cursor)
            return TaskPage(page.tasks, mint_cursor("anybody", position))
