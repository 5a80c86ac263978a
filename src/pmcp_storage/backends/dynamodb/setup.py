"""`pmcp-storage init | verify dynamodb`: create the table, and check its keys and its expiry."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from pmcp_storage.backends.dynamodb.definition import DEFAULT_TABLE, TTL_ATTRIBUTE

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
    from pmcp_storage.backends.dynamodb.boto_sender import BotoSender
    from pmcp_storage.backends.dynamodb.client import client_from_env
    from pmcp_storage.backends.dynamodb.client_in_use import ClientInUse
    from pmcp_storage.backends.dynamodb.provisioning import create_table, switch_on_expiry
    from pmcp_storage.backends.dynamodb.table import Table

    name = options.table
    table = Table(BotoSender(ClientInUse(client_from_env())), name)
    if create_table(table):
        yield f"created table {name}: keys PK and SK, on-demand billing"
    else:
        yield f"table {name} is there"
    before = switch_on_expiry(table)
    if before in ("ENABLED", "ENABLING"):
        yield f"time to live is {before.lower()}"
    else:
        yield f"switched on time to live for the attribute {TTL_ATTRIBUTE}"
    yield from verify(options)


def verify(options: Namespace) -> Iterator[str]:
    """Check the table's keys and its expiry."""
    from pmcp_storage.backends.dynamodb.dynamodb_backend import DynamoDbBackend

    with DynamoDbBackend.from_env(options.table) as backend:
        backend.verify()
    yield f"table {options.table} is as it should be"
