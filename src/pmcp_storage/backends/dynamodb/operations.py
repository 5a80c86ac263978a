"""The operations of the contract on DynamoDB, once for threads and for event loops.

A write carries a write_id of its own, which tells a refusal that meets the write's own first
attempt from a conflict; the table says whether such an attempt can have been applied. Expired
records are removed by the table's native time to live, so no operation here removes any. The Rust
crate `pmcp-tasks` can work on the same table: its items lack some attributes, and its expires_at is
rounded down where ours is rounded up.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pmcp_storage.backend import VersionedRecord
from pmcp_storage.backends.dynamodb import items
from pmcp_storage.backends.dynamodb.table import Answer, Table
from pmcp_storage.errors import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
)
from pmcp_storage.records import TaskRecord

_MOST = 2**31 - 1
"""The greatest Limit of a Query, a 32-bit integer (DynamoDB API Reference)."""


class Operations:
    """The operations of one handle on one table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        key = items.key_of(owner_id, task_id)
        answer = await self.table.request("GetItem", Key=key, ConsistentRead=True)
        if "Item" not in answer:
            raise NotFoundError(owner_id, task_id)
        return items.decode(owner_id, task_id, answer["Item"])

    async def create(self, record: TaskRecord) -> int:
        return await self.write(record, 0, ConditionExpression="attribute_not_exists(PK)")

    async def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        # A version that no item can have is sent as one that none has.
        sent = expected_version if expected_version < items.GREATEST_VERSION else -1
        return await self.write(
            record,
            expected_version,
            ConditionExpression="version = :expected",
            ExpressionAttributeValues={":expected": {"N": str(sent)}},
        )

    async def delete(self, owner_id: str, task_id: str) -> bool:
        key = items.key_of(owner_id, task_id)
        # A condition, because only conditional writes are serialized by every engine: of many
        # unconditional deletes several can get the answer that they removed the item.
        answer = await self.table.write(
            "DeleteItem", Key=key, ConditionExpression="attribute_exists(PK)"
        )
        found = answer.refusal is None
        if answer.uncertain and not found:
            raise OutcomeUnknownError(
                f"task {task_id!r} of owner {owner_id!r} is gone, but the first answer to this "
                "delete was lost, so whether it or another removed the record is unknown"
            )
        return found

    async def list_by_owner(
        self, owner_id: str, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found: list[VersionedRecord] = []
        # The start of a page need not be an item that exists.
        start = None if after is None else items.key_of(owner_id, after)
        while len(found) < limit:
            page = await self.page(owner_id, start, Limit=min(limit - len(found), _MOST))
            rows = page["Items"]
            found += (items.decode(owner_id, items.task_id_of(row), row) for row in rows)
            start = page.get("LastEvaluatedKey")
            if start is None:
                break
        return found

    async def count_by_owner(
        self, owner_id: str, live_at: datetime | None, at_most: int | None
    ) -> int:
        counting = _counting(live_at)
        # Only the first page is limited to what is asked for: where expired items fill part of it,
        # limiting every further one would cost more requests.
        first = {} if at_most is None else {"Limit": min(at_most, _MOST)}
        page = await self.page(owner_id, None, **counting, **first)
        count = await self._count_page(owner_id, page, live_at)
        while "LastEvaluatedKey" in page and (at_most is None or count < at_most):
            page = await self.page(owner_id, page["LastEvaluatedKey"], **counting)
            count += await self._count_page(owner_id, page, live_at)
        return count if at_most is None else min(count, at_most)

    async def write(self, record: TaskRecord, expected: int, **condition: Any) -> int:
        """Write the record over version `expected` on a condition; return its new version."""
        item = items.encode(record, min(expected + 1, items.GREATEST_VERSION))
        size = items.size_of(item)
        if size - items.SIZE_TOLERANCE > items.ITEM_LIMIT:
            raise RecordTooLargeError(size, items.ITEM_LIMIT)
        answer = await self.table.write(
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

    async def page(
        self, owner_id: str, start: items.Item | None, **parameters: Any
    ) -> dict[str, Any]:
        """One page of the owner's items, backward, after the key `start`."""
        values = parameters.pop("ExpressionAttributeValues", {})
        if start is not None:
            parameters["ExclusiveStartKey"] = start
        return await self.table.request(
            "Query",
            KeyConditionExpression="PK = :owner AND begins_with(SK, :task)",
            ExpressionAttributeValues={
                ":owner": {"S": items.OWNER + owner_id},
                ":task": {"S": items.TASK},
                **values,
            },
            ScanIndexForward=False,
            ConsistentRead=True,
            **parameters,
        )

    async def _count_page(
        self, owner_id: str, page: dict[str, Any], live_at: datetime | None
    ) -> int:
        if live_at is None:
            return int(page["Count"])
        surely_live_after = items.seconds_up(live_at)
        count = 0
        for item in page["Items"]:
            count += (
                "expires_at" not in item
                or Decimal(item["expires_at"]["N"]) > surely_live_after
                or await self._is_live(owner_id, items.task_id_of(item), live_at)
            )
        return count

    async def _is_live(self, owner_id: str, task_id: str, live_at: datetime) -> bool:
        try:
            return not (await self.get(owner_id, task_id)).record.is_expired(live_at)
        except NotFoundError:
            return False


def _counting(live_at: datetime | None) -> dict[str, Any]:
    """The parameters of a query that brings what is needed for counting, and no data."""
    if live_at is None:
        return {"Select": "COUNT"}
    return {
        "ProjectionExpression": "SK, expires_at",
        # Rounded up or down, an expiry before this second has passed; from it to the next full
        # second the attribute decides nothing, and the record is read.
        "FilterExpression": "attribute_not_exists(expires_at) OR expires_at >= :floor",
        "ExpressionAttributeValues": {":floor": {"N": str(items.seconds_down(live_at))}},
    }


def _refused(record: TaskRecord, expected: int, answer: Answer) -> StorageError:
    """What a refusal that does not show our own write means."""
    owner_id, task_id = record.owner_id, record.task_id
    actual = 0 if answer.stored is None else items.version_of(answer.stored)
    # Another's write of the very next version leaves no room for an earlier attempt of ours.
    if answer.uncertain and actual != expected + 1:
        return OutcomeUnknownError(
            f"whether this write of task {task_id!r} of owner {owner_id!r} was applied is unknown: "
            "the first answer was lost, and another has written or deleted the record since; "
            "get it to see"
        )
    if answer.stored is None:
        return NotFoundError(owner_id, task_id)
    if actual is None or "S" not in answer.stored.get("data", {}):
        return items.malformed(owner_id, task_id)
    if expected == 0:
        return AlreadyExistsError(owner_id, task_id)
    return ConcurrentModificationError(owner_id, task_id, expected, actual)
