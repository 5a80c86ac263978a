"""The target of DynamoDbBackend."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Mapping
from functools import cached_property
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from pmcp_conformance.target import BackendTarget
from pmcp_storage import BackendError, StorageBackend


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
            f"{endpoint} is no loopback address: to run against it, say --pmcp-backend dynamodb "
            "and name a table in PMCP_CONFORMANCE_TABLE"
        )

    def prepare(self) -> None:
        from pmcp_storage.backends.dynamodb.definition import table_definition

        if not self._table:
            self._table, self._made = f"pmcp_conformance_{uuid4().hex}", True
            self._client.create_table(**table_definition(self._table))
            self._client.get_waiter("table_exists").wait(TableName=self._table)
            self._client.update_time_to_live(
                TableName=self._table,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
            )

    def dispose(self) -> None:
        if self._made:
            self._client.delete_table(TableName=self._table)

    def open(self) -> StorageBackend:
        return self._open(self._table)

    def open_misconfigured(self) -> StorageBackend:
        return self._open(f"{self._table}_missing")

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        answer = self._client.get_item(
            TableName=self._table, Key=item_key(owner_id, task_id), ConsistentRead=True
        )
        stored = answer["Item"].get("expires_at")
        return None if stored is None else float(stored["N"])

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        values = {"version": {"N": str(version)}, "data": {"S": data}}
        self._client.put_item(TableName=self._table, Item={**item_key(owner_id, task_id), **values})

    def offers(self, back_door: str) -> bool:
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

    def open_at(self, host: str, port: int) -> StorageBackend:
        from botocore.config import Config

        from pmcp_storage import DynamoDbBackend

        # A client of its own for each handle: a client's retries are limited over its life.
        with _session_lock:
            client = self._session.client(
                "dynamodb",
                endpoint_url=f"http://{host}:{port}",
                region_name=self._client.meta.region_name,
                config=Config(**self.connection),
            )
        return DynamoDbBackend(client, self._table, close_client=True)

    def _open(self, table: str) -> StorageBackend:
        from pmcp_storage import DynamoDbBackend

        return DynamoDbBackend(self._client, table)

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
