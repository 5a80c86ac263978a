"""AsyncDynamoDbBackend, which is for event loops. What its operations do is in `operations`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from botocore.session import Session

from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import VersionedRecord
from pmcp_storage.backends.dynamodb.access import access_by, access_from_env
from pmcp_storage.backends.dynamodb.definition import (
    DEFAULT_TABLE,
    checked_name,
    table_name_from_env,
)
from pmcp_storage.backends.dynamodb.http_connections import HttpConnections, HttpSettings
from pmcp_storage.backends.dynamodb.http_sender import HttpSender
from pmcp_storage.backends.dynamodb.operations import Operations
from pmcp_storage.backends.dynamodb.table import Table
from pmcp_storage.records import TaskRecord


class AsyncDynamoDbBackend(AsyncStorageBackend):
    """DynamoDbBackend for event loops, over the same table with the same requests.

    `session` is a `botocore.session.Session`, from which come the region, the credentials and the
    endpoint, unless `endpoint_url` names one. Up to `attempts` attempts are made at a request. Each
    has `connect_timeout` seconds to connect and `read_timeout` seconds to be answered, and waits
    for one of `connections` connections for at most the sum of both. The constructor sends no
    request to DynamoDB, and may block for some hundred milliseconds.

    A handle belongs to one event loop at a time: it may be used in another one once the first is
    closed, and raises BackendError before. After a fork, a handle of `from_env` works in both
    processes, and one with a session that was handed in raises BackendError in the child.

    Raises TypeError for another session or table name, ValueError for an empty name and for
    settings that cannot be, and BackendError as `from_env`.
    """

    def __init__(
        self,
        session: Session,
        table_name: str = DEFAULT_TABLE,
        *,
        endpoint_url: str | None = None,
        attempts: int = 4,
        connect_timeout: float = 2.0,
        read_timeout: float = 4.0,
        connections: int = 50,
    ) -> None:
        _check_session(session)
        name = checked_name(table_name)
        settings = HttpSettings(attempts, connect_timeout, read_timeout, connections)
        self._use(HttpConnections(access_by(session, endpoint_url), settings), settings, name)

    @classmethod
    def from_env(cls, table_name: str | None = None, *, connections: int = 50) -> Self:
        """A backend set up by the standard AWS configuration chain; see DynamoDbBackend.from_env.

        It has up to `connections` connections. Raises BackendError if there is no region, or the
        configuration or the credentials that it names cannot be used.
        """
        name = table_name_from_env(table_name)
        settings = HttpSettings(connections=connections)
        backend = cls.__new__(cls)
        opened = HttpConnections(access_from_env(), settings, access_from_env)
        backend._use(opened, settings, name)
        return backend

    def _use(self, connections: HttpConnections, settings: HttpSettings, table_name: str) -> None:
        self._connections = connections
        self._operations = Operations(Table(HttpSender(connections, settings), table_name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(table_name={self._operations.table.name!r})"

    async def verify(self) -> None:
        """As DynamoDbBackend.verify."""
        self._check_open()
        await self._operations.table.verify()

    async def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return await self._operations.get(owner_id, task_id)

    async def _create(self, record: TaskRecord) -> int:
        return await self._operations.create(record)

    async def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return await self._operations.put_if_version(record, expected_version)

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
        return 0

    async def _close(self) -> None:
        await self._connections.close()


def _check_session(session: Any) -> None:
    if not isinstance(session, Session):
        kind = f"{type(session).__module__}.{type(session).__qualname__}"
        raise TypeError(f"session must be a botocore.session.Session, not {kind}")
