"""The ledger of tasks that have begun and not ended, so that those of all owners can be found.

One record for each of them, under owners of the library's own, which are several so that no
partition of a storage gets all the writes. An entry is written before its task and deleted after
its end: one that has no task any more is a leftover.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from pmcp_storage.aio.async_adapter import in_threads
from pmcp_storage.backend import StorageBackend
from pmcp_storage.records import TaskRecord
from pmcp_storage.store.task_store import AsyncTaskStore

SHARDS = 16

_OWNER = "pmcp-storage ledger"

_LEFTOVER_SECONDS = 600.0
"""An entry without a task that is younger than this may be of one that is being created."""


class Ledger:
    """Where it is written which tasks are under way; `store` must have no quota."""

    def __init__(self, store: AsyncTaskStore) -> None:
        self._store = store
        # The store's own delete would read first.
        backend = store.backend
        self._backend = in_threads(backend) if isinstance(backend, StorageBackend) else backend

    async def begin(self, owner_id: str, task_id: str, ttl_ms: int | None) -> None:
        """Note a task that is about to be created: one write."""
        shard, entry = _place(owner_id, task_id)
        variables = {"owner": owner_id, "task": task_id}
        await self._store.create(shard, "ledger", ttl_ms=ttl_ms, task_id=entry, variables=variables)

    async def end(self, owner_id: str, task_id: str) -> None:
        """Forget a task that has ended: one write. Raises StorageError."""
        await self._backend.delete(*_place(owner_id, task_id))

    async def entries(self) -> AsyncIterator[TaskRecord]:
        """The entries of all shards, a page at a time."""
        for number in range(SHARDS):
            cursor = None
            while True:
                page = await self._store.list(_shard(number), cursor=cursor)
                for found in page.tasks:
                    yield found.record
                cursor = page.next_cursor
                if cursor is None:
                    break


def task_of(entry: TaskRecord) -> tuple[str, str]:
    """The owner and the id of an entry's task."""
    return entry.variables["owner"], entry.variables["task"]


def is_leftover(entry: TaskRecord) -> bool:
    """Whether the task of an entry is not just about to be created."""
    age = datetime.now(UTC) - entry.task.created_at
    return age > timedelta(seconds=_LEFTOVER_SECONDS)


def _place(owner_id: str, task_id: str) -> tuple[str, str]:
    digest = hashlib.sha256(f"{owner_id}\0{task_id}".encode()).digest()
    return _shard(digest[0] % SHARDS), digest[1:17].hex()


def _shard(number: int) -> str:
    return f"{_OWNER} {number:02}"
