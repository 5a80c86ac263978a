"""A page of a listing: the owner's unexpired tasks, in as few requests as it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import VersionedRecord
from pmcp_storage.store.cursor import mint_cursor, read_cursor

_PAGE_REQUESTS = 4
"""The most requests for one page: how often one is refilled whose tasks have expired."""


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some of an owner's tasks, newest first; `next_cursor` is None on the last page."""

    tasks: list[VersionedRecord]
    next_cursor: str | None


async def read_page(
    backend: AsyncStorageBackend, owner_id: str, cursor: str | None, limit: int
) -> TaskPage:
    """The owner's page after `cursor`, of up to `limit` tasks.

    Raises InvalidCursorError, and InvalidArgumentError for a cursor that is not a string.
    """
    after = None if cursor is None else read_cursor(owner_id, cursor)
    live: list[VersionedRecord] = []
    for _ in range(_PAGE_REQUESTS):
        rows = await backend.list_by_owner(owner_id, limit=limit + 1, after=after)
        now = datetime.now(UTC)
        live += (found for found in rows if not found.record.is_expired(now))
        if len(live) > limit:
            return TaskPage(live[:limit], mint_cursor(owner_id, live[limit - 1].record.task_id))
        if len(rows) <= limit:
            return TaskPage(live, None)
        after = rows[-1].record.task_id
    return TaskPage(live, mint_cursor(owner_id, rows[-1].record.task_id))
