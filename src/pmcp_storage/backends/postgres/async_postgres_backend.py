"""AsyncPostgresBackend, which is for event loops. What its operations do is in `operations`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from psycopg_pool import AsyncConnectionPool

from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import VersionedRecord
from pmcp_storage.backends.postgres.async_pools import BorrowedAsyncPool, OwnAsyncPool
from pmcp_storage.backends.postgres.layout import check_table
from pmcp_storage.backends.postgres.operations import Operations
from pmcp_storage.backends.postgres.pools import Lender
from pmcp_storage.backends.postgres.settings import (
    CONNECTIONS,
    TIMEOUT,
    check_pool,
    check_settings,
)
from pmcp_storage.records import TaskRecord


class AsyncPostgresBackend(AsyncStorageBackend):
    """PostgresBackend for event loops, over the same table with the same statements.

    `pool` is an open `psycopg_pool.AsyncConnectionPool`, which stays the caller's. The other
    arguments, and the errors, are PostgresBackend's. A handle belongs to one event loop.
    """

    def __init__(
        self, pool: AsyncConnectionPool[Any], schema: str = "pmcp", *, timeout: float = TIMEOUT
    ) -> None:
        check_pool(pool, AsyncConnectionPool)
        check_settings(timeout)
        self._use(BorrowedAsyncPool(pool, timeout), schema)

    @classmethod
    def from_url(
        cls,
        conninfo: str,
        schema: str = "pmcp",
        *,
        connections: int = CONNECTIONS,
        timeout: float = TIMEOUT,
    ) -> Self:
        """As PostgresBackend.from_url."""
        check_settings(timeout, connections)
        backend = cls.__new__(cls)
        backend._use(OwnAsyncPool(conninfo, connections, timeout), schema)
        return backend

    @classmethod
    def from_env(
        cls,
        schema: str = "pmcp",
        *,
        connections: int = CONNECTIONS,
        timeout: float = TIMEOUT,
    ) -> Self:
        """As PostgresBackend.from_env."""
        return cls.from_url("", schema, connections=connections, timeout=timeout)

    def _use(self, pool: Lender, schema: str) -> None:
        self._operations = Operations(pool, schema)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._operations.statements.table}>"

    async def verify(self) -> None:
        """As PostgresBackend.verify."""
        self._check_open()
        await check_table(self._operations)

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return await self._operations.get(owner_id, task_id)

    async def _create(self, record: TaskRecord) -> int:
        return await self._operations.create(record)

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return await self._operations.put_if_version(record, expected_version)

    async def _put(self, record: TaskRecord) -> int:
        return await self._operations.put(record)

    async def _delete(self, owner_id: str, task_id: str) -> bool:
        return await self._operations.delete(owner_id, task_id)

    async def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return await self._operations.list_by_owner(owner_id, limit, after)

    async def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return await self._operations.count_by_owner(owner_id, live_at, at_most)

    async def _cleanup_expired(self) -> int:
        return await self._operations.cleanup_expired()

    async def _close(self) -> None:
        await self._operations.pool.close()
