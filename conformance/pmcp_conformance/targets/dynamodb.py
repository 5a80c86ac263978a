"""The target of DynamoDbBackend."""

from __future__ import annotations

import importlib.util
import json
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from pmcp_conformance.target import BackendTarget, Refusal
from pmcp_storage import BackendError, NotFoundError, StorageBackend

if TYPE_CHECKING:
    from pmcp_storage import AsyncStorageBackend
    from pmcp_storage.backends.dynamodb.table import Table

    Handle = StorageBackend | AsyncStorageBackend

_REFUSALS = {
    "the table is throttled": "ProvisionedThroughputExceededException",
    "access is denied": "AccessDeniedException",
    "the credentials have expired": "ExpiredTokenException",
    "the table is missing": "ResourceNotFoundException",
    "another's transaction is under way": "TransactionConflictException",
}
"""Each with its code (Amazon DynamoDB Developer Guide, "Error handling with DynamoDB")."""

_UNPROCESSED = {"BatchGetItem": "UnprocessedKeys", "BatchWriteItem": "UnprocessedItems"}
"""How a batch is refused that is throttled: it comes back."""


def _refuse(code: str, request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    action = head.lower().partition(b"x-amz-target: dynamodb_20120810.")[2].partition(b"\r")[0]
    for batch, field in _UNPROCESSED.items():
        if "Throughput" in code and action == batch.lower().encode():
            items = json.loads(body)["RequestItems"]
            return _http(200, {"Responses": {}, field: items})
    if action == b"transactwriteitems":
        reasons = [{"Code": code.removesuffix("Exception")}] * len(
            json.loads(body)["TransactItems"]
        )
        cancelled = {"CancellationReasons": reasons}
        return _http(400, _error("TransactionCanceledException") | cancelled)
    return _http(400, _error(code))


def _error(code: str) -> dict[str, Any]:
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "refused"}


def _http(status: int, answer: dict[str, Any]) -> bytes:
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class DynamoDbTarget(BackendTarget):
    """A table in DynamoDB or in an engine that speaks its protocol, by the AWS configuration.

    Works on the table that PMCP_CONFORMANCE_TABLE names. Without it, an engine on a loopback
    address gets a table of this run's own, and anything else is left alone: nobody pays, or
    writes into production, by accident.
    """

    name = "dynamodb"
    native_expiry = True
    storage_limit_bytes = 409_600
    # Storage that never answers costs 4 times the second that `open_at` sets, and the pauses.
    answer_within = 10.0
    connection: Mapping[str, Any] = {
        "retries": {"mode": "standard"},
        "connect_timeout": 1,
        "read_timeout": 1,
        "parameter_validation": False,
    }
    """The settings (`botocore.config.Config`) of the clients that `open_at` makes."""

    def __init__(self) -> None:
        self._table = os.environ.get("PMCP_CONFORMANCE_TABLE", "")
        self._made = False

    def __getstate__(self) -> dict[str, Any]:
        not_handed_over = ("_client", "_session")
        return {name: value for name, value in vars(self).items() if name not in not_handed_over}

    def unavailable(self) -> str | None:
        if importlib.util.find_spec("boto3") is None:
            return "boto3 is not installed: pip install 'pmcp-storage[dynamodb]'"
        try:
            endpoint = self._client.meta.endpoint_url
        except BackendError as error:
            return str(error)
        if is_loopback(endpoint):
            return None
        if self.named and self._table:
            return None
        return (
            f"{endpoint} is no loopback address: to run against it, say --pmcp-backend {self.name} "
            "and name a table in PMCP_CONFORMANCE_TABLE"
        )

    def prepare(self) -> None:
        from pmcp_storage.backends.dynamodb.provisioning import switch_on_expiry

        if not self._table:
            self._table, self._made = f"pmcp_conformance_{uuid4().hex}", True
            switch_on_expiry(self._make(self._table))

    def dispose(self) -> None:
        if self._made:
            self._client.delete_table(TableName=self._table)

    def open(self) -> Handle:
        return self._open(self._table)

    def open_fresh(self, token: str) -> Handle:
        self._make(self._fresh(token))
        return self._open(self._fresh(token))

    def dispose_fresh(self, token: str) -> None:
        with suppress(self._client.exceptions.ResourceNotFoundException):
            self._client.delete_table(TableName=self._fresh(token))

    def open_misconfigured(self) -> Handle:
        return self._open(f"{self._table}_missing")

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        answer = self._client.get_item(
            TableName=self._table, Key=item_key(owner_id, task_id), ConsistentRead=True
        )
        if "Item" not in answer:
            raise NotFoundError(owner_id, task_id)
        stored = answer["Item"].get("expires_at")
        return None if stored is None else float(stored["N"])

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        values = {"version": {"N": str(version)}, "data": {"S": data}}
        self._client.put_item(TableName=self._table, Item={**item_key(owner_id, task_id), **values})

    def offers(self, back_door: str) -> bool:
        if back_door == "open_fresh":
            # Elsewhere somebody would pay for tables, and wait for them.
            return self.unavailable() is None and is_loopback(self._client.meta.endpoint_url)
        if back_door in ("address", "open_at"):
            return self.unavailable() is None and self._is_plain_loopback()
        return super().offers(back_door)

    def _is_plain_loopback(self) -> bool:
        """Whether the fault proxy can stand before the endpoint, which speaks no TLS."""
        endpoint = self._client.meta.endpoint_url
        return is_loopback(endpoint) and urlsplit(endpoint).scheme == "http"

    def address(self) -> tuple[str, int]:
        endpoint = urlsplit(self._client.meta.endpoint_url)
        return endpoint.hostname or "", endpoint.port or 80

    def open_at(self, host: str, port: int) -> Handle:
        return self._open_at(f"http://{host}:{port}", self._table)

    def _open(self, table: str) -> Handle:
        return self.backend(self._client, table)

    def _open_at(self, endpoint_url: str, table: str) -> Handle:
        from botocore.config import Config

        # A client of its own for each handle: a client's retries are limited over its life.
        with _session_lock:
            client = self._session.client(
                "dynamodb",
                endpoint_url=endpoint_url,
                region_name=self._client.meta.region_name,
                config=Config(**self.connection),
            )
        return self.backend(client, table, close_client=True)

    def refusals(self) -> Sequence[Refusal]:
        return [Refusal(why, partial(_refuse, code)) for why, code in _REFUSALS.items()]

    def _fresh(self, token: str) -> str:
        return f"pmcp_fresh_{token}"

    def _make(self, name: str) -> Table:
        """The table of this name, made if it is missing.

        Not by one request of boto3's, which it may repeat: that meets its own first attempt.
        """
        from pmcp_storage.backends.dynamodb.boto_sender import BotoSender
        from pmcp_storage.backends.dynamodb.client_in_use import ClientInUse
        from pmcp_storage.backends.dynamodb.provisioning import create_table
        from pmcp_storage.backends.dynamodb.table import Table

        table = Table(BotoSender(ClientInUse(self._client)), name)
        create_table(table)
        return table

    def backend(self, client: Any, table: str, *, close_client: bool = False) -> StorageBackend:
        """The backend under test, over a client of boto3's."""
        from pmcp_storage import DynamoDbBackend

        return DynamoDbBackend(client, table, close_client=close_client)

    @cached_property
    def _client(self) -> Any:
        """One client for all handles of a process: making one costs tens of milliseconds."""
        from pmcp_storage.backends.dynamodb.client import client_from_env

        return client_from_env()

    @cached_property
    def _session(self) -> Any:
        """One session for all clients of `open_at`: it keeps what makes the first one slow."""
        from boto3.session import Session

        return Session()


_session_lock = threading.Lock()
"""Sessions are not safe for many threads."""


def item_key(owner_id: str, task_id: str) -> dict[str, Any]:
    """The key attributes of a task's item."""
    return {"PK": {"S": f"OWNER#{owner_id}"}, "SK": {"S": f"TASK#{task_id}"}}


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine and nowhere else."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
