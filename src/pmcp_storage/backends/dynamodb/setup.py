"""`pmcp-storage init | verify dynamodb`: create the table, and check its keys and its expiry."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pmcp_storage.backends.dynamodb.definition import (
    DEFAULT_TABLE,
    TTL_ATTRIBUTE,
    table_definition,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

HELP = "a DynamoDB table"


def add_arguments(parser: ArgumentParser) -> None:
    table = os.environ.get("PMCP_TABLE") or DEFAULT_TABLE
    parser.add_argument(
        "--table", default=table, help=f"its name (default: PMCP_TABLE, or {DEFAULT_TABLE})"
    )
    parser.epilog = (
        "DynamoDB is found by the usual AWS settings: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL "
        "and so on."
    )


def init(options: Namespace) -> Iterator[str]:
    """Create the table with on-demand billing where it is missing, and switch on its expiry."""
    from pmcp_storage.backends.dynamodb.client import client_from_env

    client = client_from_env()
    yield _create_table(client, options.table)
    yield _switch_on_expiry(client, options.table)
    yield from verify(options)


def verify(options: Namespace) -> Iterator[str]:
    """Check the table's keys and its expiry."""
    from pmcp_storage.backends.dynamodb.dynamodb_backend import DynamoDbBackend

    with DynamoDbBackend.from_env(options.table) as backend:
        backend.verify()
    yield f"table {options.table} is as it should be"


def _create_table(client: DynamoDBClient, name: str) -> str:
    try:
        client.describe_table(TableName=name)
    except client.exceptions.ResourceNotFoundException:
        client.create_table(**table_definition(name))
        client.get_waiter("table_exists").wait(TableName=name)
        return f"created table {name}: keys PK and SK, on-demand billing"
    return f"table {name} is there"


def _switch_on_expiry(client: DynamoDBClient, name: str) -> str:
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"):
        return f"time to live is {ttl['TimeToLiveStatus'].lower()}"
    client.update_time_to_live(
        TableName=name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE},
    )
    return f"switched on time to live for the attribute {TTL_ATTRIBUTE}"
