"""The backend for Amazon DynamoDB: one table, one item per task, one request per operation.

A write carries a write_id of its own, so that a refusal which meets the write's own first attempt
is told from a conflict; `table` tells whether such an attempt can have been applied.
Expired records are removed by the table's native time to live, so this backend removes none.
The Rust crate `pmcp-tasks` can work on the same table: its items lack some attributes, and its
expires_at is rounded down where ours is rounded up.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoRegionError

from pmcp_storage.backend import StorageBackend, VersionedRecord, read_row
from pmcp_storage.backends.dynamodb.definition import table_definition
from pmcp_storage.backends.dynamodb.table import (
    ITEM_LIMIT,
    SIZE_TOLERANCE,
    Answer,
    Table,
)
from pmcp_storage.errors import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
)
from pmcp_storage.records import TaskRecord

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

__all__ = ["DynamoDbBackend", "client_from_env", "table_definition"]

Item = dict[str, dict[str, str]]

DEFAULT_TABLE = "pmcp_tasks"

_OWNER, _TASK = "OWNER#", "TASK#"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

_MOST = 2**31 - 1
"""The greatest Limit of a Query, a 32-bit integer (DynamoDB API Reference)."""

# Storage that accepts and never answers costs 4 times 4 s and the pauses between: some 18 s.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=2,
    read_timeout=4,
    max_pool_connections=50,
    # These two save a fifth of the CPU time of a call.
    user_agent="pmcp-storage",
    parameter_validation=False,
)


class DynamoDbBackend(StorageBackend):
    """Records in a DynamoDB table, `pmcp_tasks` unless told otherwise.

    `client` is a boto3 DynamoDB client with any settings; it stays the caller's, and open. The
    constructor sends no request: a table that is missing or wrong is reported by the first
    operation, or by `verify`.
    """

    def __init__(self, client: DynamoDBClient, table_name: str = DEFAULT_TABLE) -> None:
        self._table = Table(client, table_name)
        self._owns_client = False

    @classmethod
    def from_env(cls, table_name: str | None = None) -> Self:
        """A backend with a client of its own, set up by the standard AWS configuration chain.

        Without `table_name` the environment variable PMCP_TABLE names the table, else it is
        `pmcp_tasks`. The region may also come from AWS_REGION. Nothing is sent to DynamoDB.
        Raises BackendError if there is no region or the configuration cannot be used.
        """
        backend = cls(
            client_from_env(), table_name or os.environ.get("PMCP_TABLE") or DEFAULT_TABLE
        )
        backend._owns_client = True
        return backend

    def __repr__(self) -> str:
        return f"{type(self).__name__}(table_name={self._table.name!r})"

    def verify(self) -> None:
        """Check that the table has the right keys and removes expired records.

        Needs dynamodb:DescribeTable and dynamodb:DescribeTimeToLive. Raises BackendError listing
        everything that is missing and how to make it right.
        """
        self._check_open()
        self._table.verify()

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        answer = self._table.read("GetItem", Key=_key(owner_id, task_id), ConsistentRead=True)
        if "Item" not in answer:
            raise NotFoundError(owner_id, task_id)
        return _versioned(owner_id, task_id, answer["Item"])

    def _create(self, record: TaskRecord) -> int:
        return self._write(record, 0, ConditionExpression="attribute_not_exists(PK)")

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return self._write(
            record,
            expected_version,
            ConditionExpression="version = :expected",
            ExpressionAttributeValues={":expected": {"N": str(expected_version)}},
        )

    def _delete(self, owner_id: str, task_id: str) -> bool:
        key = _key(owner_id, task_id)
        # A condition, because only conditional writes are serialized by every engine: of many
        # unconditional deletes several can be told that they removed the item.
        answer = self._table.write(
            "DeleteItem", Key=key, ConditionExpression="attribute_exists(PK)"
        )
        found = answer.refusal is None
        if answer.unsure and not found:
            raise OutcomeUnknownError(
                f"task {task_id!r} of owner {owner_id!r} is gone, but the first answer to this "
                "delete was lost, so whether it or another removed the record is unknown"
            )
        return found

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found: list[VersionedRecord] = []
        # The start of a page need not be an item that exists.
        start = None if after is None else _key(owner_id, after)
        while len(found) < limit:
            page = self._page(owner_id, start, Limit=min(limit - len(found), _MOST))
            found += [_versioned(owner_id, _task_id(item), item) for item in page["Items"]]
            start = page.get("LastEvaluatedKey")
            if start is None:
                break
        return found

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        counting = _counting(live_at)
        # Only the first page is cut to what is asked for: where expired items take part of it,
        # pages cut again and again would cost a request each.
        first = {} if at_most is None else {"Limit": min(at_most, _MOST)}
        page = self._page(owner_id, None, **counting, **first)
        count = self._count_page(owner_id, page, live_at)
        while "LastEvaluatedKey" in page and (at_most is None or count < at_most):
            page = self._page(owner_id, page["LastEvaluatedKey"], **counting)
            count += self._count_page(owner_id, page, live_at)
        return count if at_most is None else min(count, at_most)

    def _cleanup_expired(self) -> int:
        return 0

    def _close(self) -> None:
        if self._owns_client:
            self._table.client.close()

    def _write(self, record: TaskRecord, expected: int, **condition: Any) -> int:
        item = _item(record, expected + 1)
        size = _size(item)
        if size - SIZE_TOLERANCE > ITEM_LIMIT:
            raise RecordTooLargeError(size, ITEM_LIMIT)
        answer = self._table.write(
            "PutItem",
            item_size=size,
            Item=item,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **condition,
        )
        stored = answer.stored or {}
        if answer.refusal and stored.get("write_id") != item["write_id"]:
            raise _refused(record, expected, answer) from answer.refusal
        return expected + 1

    def _page(self, owner_id: str, start: Item | None, **parameters: Any) -> dict[str, Any]:
        values = parameters.pop("ExpressionAttributeValues", {})
        if start is not None:
            parameters["ExclusiveStartKey"] = start
        return self._table.read(
            "Query",
            KeyConditionExpression="PK = :owner AND begins_with(SK, :task)",
            ExpressionAttributeValues={
                ":owner": {"S": _OWNER + owner_id},
                ":task": {"S": _TASK},
                **values,
            },
            ScanIndexForward=False,
            ConsistentRead=True,
            **parameters,
        )

    def _count_page(self, owner_id: str, page: dict[str, Any], live_at: datetime | None) -> int:
        if live_at is None:
            return int(page["Count"])
        surely_live_after = _ceil(live_at)
        return sum(
            "expires_at" not in item
            or Decimal(item["expires_at"]["N"]) > surely_live_after
            or self._is_live(owner_id, _task_id(item), live_at)
            for item in page["Items"]
        )

    def _is_live(self, owner_id: str, task_id: str, live_at: datetime) -> bool:
        try:
            return not self._get(owner_id, task_id).record.is_expired(live_at)
        except NotFoundError:
            return False


def client_from_env() -> DynamoDBClient:
    """The client of `from_env`, for those who want to share one between several backends.

    Raises BackendError if there is no region or the configuration cannot be used.
    """
    try:
        session = boto3.session.Session()
        # botocore itself knows AWS_DEFAULT_REGION and the profile's region only.
        region = session.region_name or os.environ.get("AWS_REGION")
        client: DynamoDBClient = session.client("dynamodb", region_name=region, config=_CONFIG)
    except NoRegionError as error:
        raise BackendError(
            "no AWS region is configured: set AWS_REGION or AWS_DEFAULT_REGION, or a region in "
            "the AWS profile"
        ) from error
    except (BotoCoreError, ValueError) as error:
        raise BackendError(f"the AWS configuration cannot be used: {error}") from error
    return client


def _refused(record: TaskRecord, expected: int, answer: Answer) -> StorageError:
    """What a refusal that does not show our own write means."""
    owner_id, task_id = record.owner_id, record.task_id
    actual = 0 if answer.stored is None else _version(answer.stored)
    # One beyond the expected version ours cannot have stood before: it would have that number.
    if answer.unsure and actual != expected + 1:
        return OutcomeUnknownError(
            f"whether this write of task {task_id!r} of owner {owner_id!r} was applied is unknown: "
            "the first answer was lost, and another has written or deleted the record since; "
            "get it to see"
        )
    if answer.stored is None:
        return NotFoundError(owner_id, task_id)
    if actual is None or "S" not in answer.stored.get("data", {}):
        return _malformed(owner_id, task_id)
    if expected == 0:
        return AlreadyExistsError(owner_id, task_id)
    return ConcurrentModificationError(owner_id, task_id, expected, actual)


def _versioned(owner_id: str, task_id: str, item: Item) -> VersionedRecord:
    version, data = _version(item), item.get("data", {}).get("S")
    if version is None or data is None:
        raise _malformed(owner_id, task_id)
    return read_row(owner_id, task_id, data, version)


def _malformed(owner_id: str, task_id: str) -> CorruptRecordError:
    fault = "its item needs a version (N, a whole number from 1 on) and data (S)"
    return CorruptRecordError(owner_id, task_id, fault)


def _version(item: Item) -> int | None:
    text = item.get("version", {}).get("N", "")
    return int(text) if text.isascii() and text.isdigit() and text != "0" else None


def _item(record: TaskRecord, version: int) -> Item:
    item = {
        **_key(record.owner_id, record.task_id),
        "owner_id": {"S": record.owner_id},
        "task_id": {"S": record.task_id},
        "status": {"S": record.status.value},
        "version": {"N": str(version)},
        "data": {"S": record.to_json()},
        "write_id": {"S": uuid.uuid4().hex},
    }
    if record.expires_at is not None:
        item["expires_at"] = {"N": str(_ceil(record.expires_at))}
    return item


def _key(owner_id: str, task_id: str) -> Item:
    return {"PK": {"S": _OWNER + owner_id}, "SK": {"S": _TASK + task_id}}


def _task_id(item: Item) -> str:
    return item["SK"]["S"].removeprefix(_TASK)


def _size(item: Item) -> int:
    """The bytes of names and values, as DynamoDB counts them."""
    return sum(
        len(name.encode()) + (_number_size(text) if kind == "N" else len(text.encode()))
        for name, value in item.items()
        for kind, text in value.items()
    )


def _number_size(text: str) -> int:
    digits = text.lstrip("-").strip("0")
    return 1 + (len(digits) + 1) // 2 + text.startswith("-")


def _counting(live_at: datetime | None) -> dict[str, Any]:
    """The parameters of a query that brings what is needed for counting, and no data."""
    if live_at is None:
        return {"Select": "COUNT"}
    return {
        "ProjectionExpression": "SK, expires_at",
        # Rounded up or down, an expiry before this second has passed; from it to the next full
        # second the attribute decides nothing, and the record is read.
        "FilterExpression": "attribute_not_exists(expires_at) OR expires_at >= :floor",
        "ExpressionAttributeValues": {":floor": {"N": str(_floor(live_at))}},
    }


def _floor(instant: datetime) -> int:
    return (instant - _EPOCH) // _SECOND


def _ceil(instant: datetime) -> int:
    return -((_EPOCH - instant) // _SECOND)
