"""DynamoDbBackend, which is for threads. What its operations do is in `operations`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from pmcp_storage.aio.async_adapter import run_at_once
from pmcp_storage.backend import StorageBackend, VersionedRecord
from pmcp_storage.backends.dynamodb.boto_sender import BotoSender
from pmcp_storage.backends.dynamodb.client import check_client, client_from_env
from pmcp_storage.backends.dynamodb.client_in_use import ClientInUse
from pmcp_storage.backends.dynamodb.definition import DEFAULT_TABLE, table_name_from_env
from pmcp_storage.backends.dynamodb.operations import Operations
from pmcp_storage.backends.dynamodb.table import Table
from pmcp_storage.records import TaskRecord

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class DynamoDbBackend(StorageBackend):
    """Records in a DynamoDB table, `pmcp_tasks` by default.

    `client` is a boto3 DynamoDB client with any settings; `close` leaves it open unless
    `close_client` is true. The constructor sends no request: a table that is missing or wrong is
    reported by the first operation, or by `verify`.

    After a fork, a handle of `from_env` works in both processes, each with a client of its own;
    one over a client that was handed in works where that client was first used for a handle, and
    raises BackendError elsewhere.

    Raises TypeError for another client or table name, and ValueError for an empty name, and for a
    client whose timeouts cannot be used.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str = DEFAULT_TABLE,
        *,
        close_client: bool = False,
    ) -> None:
        check_client(client)
        self._clients = ClientInUse(client)
        self._operations = Operations(Table(BotoSender(self._clients), table_name))
        self._close_client = close_client

    @classmethod
    def from_env(cls, table_name: str | None = None) -> Self:
        """A backend with a client of its own, set up by the standard AWS configuration chain.

        Without `table_name` the environment variable PMCP_TABLE names the table, else it is
        `pmcp_tasks`. The region may also come from AWS_REGION. Nothing is sent to DynamoDB.
        Raises BackendError if there is no region, or the configuration or the credentials that it
        names cannot be used.
        """
        name = table_name_from_env(table_name)
        backend = cls(client_from_env(), name, close_client=True)
        backend._clients.make = client_from_env
        return backend

    def __repr__(self) -> str:
        return f"{type(self).__name__}(table_name={self._operations.table.name!r})"

    def verify(self) -> None:
        """Check that the table has the right keys and removes expired records.

        Needs dynamodb:DescribeTable and dynamodb:DescribeTimeToLive. Raises BackendError listing
        everything that is missing and how to make it right.
        """
        self._check_open()
        run_at_once(self._operations.table.verify())

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return run_at_once(self._operations.get(owner_id, task_id))

    def _create(self, record: TaskRecord) -> int:
        return run_at_once(self._operations.create(record))

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return run_at_once(self._operations.put_if_version(record, expected_version))

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
        return 0

    def _close(self) -> None:
        if self._close_client:
            self._clients.close()
