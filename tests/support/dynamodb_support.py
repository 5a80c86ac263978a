"""Clients and owners for the tests of DynamoDbBackend."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.session import Session

from pmcp_storage import AsyncDynamoDbBackend, DynamoDbBackend

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

OpenThrough = Callable[..., DynamoDbBackend]
"""Opens a handle that works through a proxy, with the retries given."""

RETRIES: dict[str, dict[str, Any]] = {
    "legacy": {"mode": "legacy"},
    "standard": {"mode": "standard"},
    "adaptive": {"mode": "adaptive"},
}
NO_RETRIES = {"mode": "standard", "total_max_attempts": 1}

# One for all clients, because it keeps the service's description, which takes long to read.
_SESSION = boto3.session.Session()


def connect(endpoint: str, **settings: Any) -> DynamoDBClient:
    """A client of the engine at `endpoint`; `settings` are those of botocore's Config."""
    settings.setdefault("retries", RETRIES["standard"])
    client: DynamoDBClient = _SESSION.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(max_pool_connections=50, **settings),
    )
    return client


def new_owner() -> str:
    """An owner that no other test has: the tests of a module share a table."""
    return f"owner-{uuid.uuid4().hex}"


_ASYNC_SESSION = Session()
_ASYNC_SESSION.set_config_variable("region", "us-east-1")
_ASYNC_SESSION.set_credentials("local", "local")


def open_async(endpoint: str, table: str, **settings: Any) -> AsyncDynamoDbBackend:
    """A handle for event loops on a table of the engine at `endpoint`."""
    return AsyncDynamoDbBackend(_ASYNC_SESSION, table, endpoint_url=endpoint, **settings)
