"""The quotas: how many tasks an owner has already when another is to be created.

Counting and creating are two steps, so that n creators at the same time can exceed a limit by
n - 1. Counting unexpired tasks is the backend's; which of them are unfinished only their records
tell, which are read page by page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import VersionedRecord
from pmcp_storage.store.config import StoreConfig
from pmcp_storage.store.task_errors import TaskQuotaError

COUNTED_PAGE = 256
"""The records that are read at once: all of most owners, and no more than fit into memory."""


async def check_quotas(backend: AsyncStorageBackend, owner_id: str, config: StoreConfig) -> None:
    """Raises TaskQuotaError for an owner who has as many tasks as the configuration allows."""
    if config.max_unfinished_per_owner is not None:
        await _check_both(backend, owner_id, config.max_unfinished_per_owner, config)
    elif (limit := config.max_tasks_per_owner) is not None:
        now = datetime.now(UTC)
        if await backend.count_by_owner(owner_id, live_at=now, at_most=limit) >= limit:
            raise TaskQuotaError(owner_id, limit)


async def _check_both(
    backend: AsyncStorageBackend, owner_id: str, limit: int, config: StoreConfig
) -> None:
    now = datetime.now(UTC)
    live = unfinished = 0
    async for page in _pages(backend, owner_id):
        statuses = [found.record.status for found in page if not found.record.is_expired(now)]
        live += len(statuses)
        unfinished += sum(not status.is_terminal for status in statuses)
        if unfinished >= limit:
            raise TaskQuotaError(owner_id, limit, unfinished=True)
        if config.max_tasks_per_owner is not None and live >= config.max_tasks_per_owner:
            raise TaskQuotaError(owner_id, config.max_tasks_per_owner)


async def _pages(
    backend: AsyncStorageBackend, owner_id: str
) -> AsyncIterator[list[VersionedRecord]]:
    after = None
    while True:
        page = await backend.list_by_owner(owner_id, limit=COUNTED_PAGE, after=after)
        yield page
        if len(page) < COUNTED_PAGE:
            return
        after = page[-1].record.task_id
