"""Backends on the module's table, directly and through a proxy, and their raw items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pmcp_storage import AsyncDynamoDbBackend, DynamoDbBackend, TaskRecord
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import RETRIES, connect, open_async

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from support.dynamodb_support import OpenThrough


@pytest.fixture(scope="module")
def backend(dynamodb_client: DynamoDBClient, table: str) -> DynamoDbBackend:
    return DynamoDbBackend(dynamodb_client, table)


@pytest.fixture
def direct(backend: DynamoDbBackend) -> DynamoDbBackend:
    """A handle that no fault reaches: it sees what was applied, and plays the competitor."""
    return backend


@pytest.fixture
def proxy(dynamodb_client: DynamoDBClient) -> Iterator[DynamoDbProxy]:
    with DynamoDbProxy(dynamodb_client.meta.endpoint_url).running() as running:
        yield running


@pytest.fixture
def through(proxy: DynamoDbProxy, table: str) -> Iterator[OpenThrough]:
    """Opens a handle that works through the proxy, with a client of its own."""
    clients: list[DynamoDBClient] = []

    def open_through(retries: dict[str, Any] = RETRIES["standard"]) -> DynamoDbBackend:
        clients.append(connect(proxy.endpoint, retries=retries))
        return DynamoDbBackend(clients[-1], table)

    yield open_through
    for client in clients:
        client.close()


@pytest.fixture
def opened(proxy: DynamoDbProxy, table: str) -> Callable[..., AsyncDynamoDbBackend]:
    """Opens a handle for event loops that works through the proxy, with the settings given."""
    return partial(open_async, proxy.endpoint, table)


@pytest.fixture
def item_of(dynamodb_client: DynamoDBClient, table: str) -> Callable[[TaskRecord], dict[str, Any]]:
    """Reads the item of a record."""

    def read(record: TaskRecord) -> dict[str, Any]:
        key = _key(record.owner_id, record.task_id)
        return dict(dynamodb_client.get_item(TableName=table, Key=key)["Item"])

    return read


@pytest.fixture
def plant(dynamodb_client: DynamoDBClient, table: str) -> Callable[..., None]:
    """Writes an item as the Rust crate does: its keys and the attributes given, nothing else."""

    def write(owner_id: str, task_id: str, **attributes: Any) -> None:
        item = {**_key(owner_id, task_id), **attributes}
        dynamodb_client.put_item(TableName=table, Item=item)

    return write


def _key(owner_id: str, task_id: str) -> dict[str, Any]:
    return {"PK": {"S": f"OWNER#{owner_id}"}, "SK": {"S": f"TASK#{task_id}"}}


@pytest.fixture
def no_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No settings but credentials; a test adds its own."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "PMCP_TABLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    return monkeypatch
