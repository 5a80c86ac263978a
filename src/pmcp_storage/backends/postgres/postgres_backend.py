"""PostgresBackend, which is for threads. What its operations do is in `operations`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from psycopg_pool import ConnectionPool

from pmcp_storage.aio.async_adapter import run_at_once
from pmcp_storage.backend import StorageBackend, VersionedRecord
from pmcp_storage.backends.postgres.layout import check_table
from pmcp_storage.backends.postgres.operations import Operations
from pmcp_storage.backends.postgres.pools import BorrowedPool, Lender, OwnPool
from pmcp_storage.backends.postgres.settings import (
    CONNECTIONS,
    TIMEOUT,
    check_pool,
    check_settings,
)
from pmcp_storage.records import TaskRecord


class PostgresBackend(StorageBackend):
    """Records in the table `tasks` of a schema of PostgreSQL, `pmcp` by default.

    `pool` is an open `psycopg_pool.ConnectionPool` with any settings, which stays the caller's,
    and open. `timeout` is how many seconds an operation waits for a connection, and as many again
    for an answer. Nothing is sent before the first operation. Raises TypeError for another pool,
    and ValueError for a schema that cannot be, or a timeout that is not above 0.
    """

    def __init__(
        self, pool: ConnectionPool[Any], schema: str = "pmcp", *, timeout: float = TIMEOUT
    ) -> None:
        check_pool(pool, ConnectionPool)
        check_settings(timeout)
        self._use(BorrowedPool(pool, timeout), schema)

    @classmethod
    def from_url(
        cls,
        conninfo: str,
        schema: str = "pmcp",
        *,
        connections: int = CONNECTIONS,
        timeout: float = TIMEOUT,
    ) -> Self:
        """A backend with up to `connections` connections of its own, which its `close` ends.

        `conninfo` is libpq's: a URL postgresql://user@host/database or key=value pairs. What it
        leaves open comes from the PG* variables, as in `from_env`. A process may fork: the child
        opens connections of its own. Raises ValueError for another conninfo.
        """
        check_settings(timeout, connections)
        backend = cls.__new__(cls)
        backend._use(OwnPool(conninfo, connections, timeout), schema)
        return backend

    @classmethod
    def from_env(
        cls,
        schema: str = "pmcp",
        *,
        connections: int = CONNECTIONS,
        timeout: float = TIMEOUT,
    ) -> Self:
        """A backend as libpq's variables say: PGHOST, PGDATABASE, PGUSER, PGSERVICE and so on."""
        return cls.from_url("", schema, connections=connections, timeout=timeout)

    def _use(self, pool: Lender, schema: str) -> None:
        self._operations = Operations(pool, schema)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._operations.statements.table}>"

    def verify(self) -> None:
        """Check the table, this role's rights on it, and that the server keeps what it
        acknowledges. Changes nothing.

        Raises BackendError listing what is missing or different.
        """
        self._check_open()
        run_at_once(check_table(self._operations))

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return run_at_once(self._operations.get(owner_id, task_id))

    def _create(self, record: TaskRecord) -> int:
        return run_at_once(self._operations.create(record))

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return run_at_once(self._operations.put_if_version(record, expected_version))

    def _put(self, record: TaskRecord) -> int:
        # One statement, which nobody repeats once it may have been applied.
        return run_at_once(self._operations.put(record))

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return run_at_once(self._operations.delete(owner_id, task_id))

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return run_at_once(self._operations.list_by_owner(owner_id, limit, after))

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return run_at_once(self._operations.count_by_owner(owner_id, live_at, at_most))

    def _cleanup_expired(self) -> int:
        return run_at_once(self._operations.cleanup_expired())

    def _close(self) -> None:
        run_at_once(self._operations.pool.close())
