"""Making a table that the backend can use; several processes may do so at once.

For threads only: the tables here have a sender that never waits.
"""

from __future__ import annotations

import time

from pmcp_storage.aio.async_adapter import run_at_once
from pmcp_storage.backends.dynamodb.definition import TTL_ATTRIBUTE, table_definition
from pmcp_storage.backends.dynamodb.failures import code_of
from pmcp_storage.backends.dynamodb.table import Table
from pmcp_storage.errors import BackendError

_PAUSE = 1.0
"""Seconds between two looks at a table that is being made."""

_LOOKS = 120


def create_table(table: Table) -> bool:
    """Create the table where it is missing, and wait for it; return whether this call did.

    Raises BackendError.
    """
    made = _status(table) is None and _create(table)
    _wait(table)
    return made


def switch_on_expiry(table: Table) -> str:
    """Have expired items removed, unless time to live is on; return its status before.

    Raises BackendError.
    """
    status = _ttl_status(table)
    if status in ("ENABLED", "ENABLING"):
        return status
    wanted = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    try:
        run_at_once(table.request("UpdateTimeToLive", TimeToLiveSpecification=wanted))
    except BackendError:
        # Refused, too, where another process has just done it.
        if _ttl_status(table) not in ("ENABLED", "ENABLING"):
            raise
    return status


def _status(table: Table) -> str | None:
    """The table's status; None where it is missing."""
    try:
        description = run_at_once(table.request("DescribeTable"))
        return str(description["Table"].get("TableStatus"))
    except BackendError as error:
        if _code(error) == "ResourceNotFoundException":
            return None
        raise


def _create(table: Table) -> bool:
    definition = table_definition(table.name)
    del definition["TableName"]
    try:
        run_at_once(table.request("CreateTable", **definition))
    except BackendError as error:
        if _code(error) == "ResourceInUseException":
            return False  # another process was faster
        raise
    return True


def _wait(table: Table) -> None:
    for _ in range(_LOOKS):
        # A table that has just been created may not be seen everywhere yet.
        if _status(table) not in (None, "CREATING"):
            return
        time.sleep(_PAUSE)


def _ttl_status(table: Table) -> str:
    answer = run_at_once(table.request("DescribeTimeToLive"))
    description = answer.get("TimeToLiveDescription", {})
    return str(description.get("TimeToLiveStatus", "DISABLED"))


def _code(error: BackendError) -> str:
    cause = error.__cause__
    return code_of(cause) if isinstance(cause, Exception) else ""
