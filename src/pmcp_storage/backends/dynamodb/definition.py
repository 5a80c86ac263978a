"""The table that the DynamoDB backend needs: its definition, and what is wrong with another one.

A problem is a part of a sentence that says what is wrong and how to make it right. Nothing here
sends a request.
"""

from __future__ import annotations

import os
from typing import Any

DEFAULT_TABLE = "pmcp_tasks"
TTL_ATTRIBUTE = "expires_at"

_STATUS_REMEDIES = {
    "CREATING": "wait until it is ACTIVE",
    "DELETING": "create it again once it is gone",
}

_KEYS = {"PK": ("HASH", "S"), "SK": ("RANGE", "S")}


def table_definition(table_name: str) -> dict[str, Any]:
    """The arguments of boto3's `create_table` for a table that the backend can use.

    Expiry is switched on separately, by `update_time_to_live` for the attribute expires_at.
    """
    return {
        "TableName": table_name,
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, (_, kind) in _KEYS.items()
        ],
        "KeySchema": [
            {"AttributeName": name, "KeyType": role} for name, (role, _) in _KEYS.items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


def checked_name(table_name: str) -> str:
    """The name itself. Raises TypeError and ValueError for what can be no table's name."""
    if not isinstance(table_name, str):
        raise TypeError(f"table_name must be a str, not {type(table_name).__name__}")
    if not table_name:
        raise ValueError("table_name must not be empty")
    return table_name


def table_name_from_env(table_name: str | None) -> str:
    """The name given, else that in PMCP_TABLE, else `pmcp_tasks`. Raises as `checked_name`."""
    return checked_name(table_name or os.environ.get("PMCP_TABLE") or DEFAULT_TABLE)


def status_problem(table: dict[str, Any]) -> str | None:
    """What is wrong with the status in DescribeTable's answer; None if nothing is."""
    status = str(table.get("TableStatus"))
    if status in ("ACTIVE", "UPDATING"):
        return None
    return f"its status is {status}: {_STATUS_REMEDIES.get(status, 'see the AWS console')}"


def key_problem(table: dict[str, Any]) -> str | None:
    """What is wrong with the keys in DescribeTable's answer; None if nothing is."""
    kinds = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    found = {
        k["AttributeName"]: (k["KeyType"], kinds[k["AttributeName"]]) for k in table["KeySchema"]
    }
    if found == _KEYS:
        return None
    return (
        f"its keys must be {_in_words(_KEYS)} but are {_in_words(found)}: keys cannot be "
        "changed, so create another table"
    )


def ttl_problem(ttl: dict[str, Any]) -> str | None:
    """What is wrong with the answer of DescribeTimeToLive; None if nothing is."""
    attribute = ttl.get("AttributeName")
    status = ttl.get("TimeToLiveStatus", "DISABLED")
    if attribute == TTL_ATTRIBUTE and status in ("ENABLED", "ENABLING"):
        return None
    now = f"{status} for {attribute}" if attribute else status
    return (
        f"time to live must be enabled for the attribute {TTL_ATTRIBUTE} but is {now}: without "
        "it expired records stay for ever; enable it with update_time_to_live"
    )


def _in_words(keys: dict[str, tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({role}, {kind})" for name, (role, kind) in keys.items())
