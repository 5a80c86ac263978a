"""The items of DynamoDbBackend: its own, those of the Rust crate, and malformed ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    CorruptRecordError,
    DynamoDbBackend,
    TaskRecord,
)
from support.dynamodb_support import new_owner
from support.records import NOW, make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)


def rust_json(owner_id: str, fraction: str = "", **fields: Any) -> str:
    record = {
        "task": {
            "taskId": "t",
            "status": "input_required",
            "createdAt": f"2026-02-23T10:30:00{fraction}Z",
            "lastUpdatedAt": f"2026-02-23T10:30:00{fraction}Z",
            "ttl": 60000,
        },
        "ownerId": owner_id,
        "variables": {"step": 1},
        "result": None,
        "requestMethod": "tools/call",
        "expiresAt": f"2026-02-23T10:31:00{fraction}Z",
        **fields,
    }
    return json.dumps(record)


def test_an_item_has_the_documented_attributes(
    backend: DynamoDbBackend, item_of: Callable[[TaskRecord], dict[str, Any]]
) -> None:
    record = make_record(owner_id=new_owner(), expires_at=NOW + timedelta(microseconds=1))
    backend.create(record)

    item = item_of(record)

    write_id = item.pop("write_id")["S"]
    assert len(write_id) == 32
    assert item == {
        "PK": {"S": f"OWNER#{record.owner_id}"},
        "SK": {"S": "TASK#t"},
        "owner_id": {"S": record.owner_id},
        "task_id": {"S": "t"},
        "status": {"S": "working"},
        "version": {"N": "1"},
        "data": {"S": record.to_json()},
        "expires_at": {"N": str(int(NOW.timestamp()) + 1)},
    }
    backend.put_if_version(record, 1)
    assert item_of(record)["write_id"]["S"] != write_id


@pytest.mark.parametrize(
    ("expires_at", "attribute"),
    [
        (None, None),
        (NOW, {"N": "1771842600"}),
        (NOW + timedelta(microseconds=1), {"N": "1771842601"}),
        (NOW + timedelta(microseconds=999_999), {"N": "1771842601"}),
        (datetime(1970, 1, 1, tzinfo=UTC), {"N": "0"}),
        (datetime(1969, 12, 31, 23, 59, 58, 1, tzinfo=UTC), {"N": "-1"}),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), {"N": "253402300800"}),
    ],
)
def test_the_expiry_is_stored_in_seconds_and_never_early(
    backend: DynamoDbBackend,
    item_of: Callable[[TaskRecord], dict[str, Any]],
    expires_at: datetime | None,
    attribute: dict[str, str] | None,
) -> None:
    record = make_record(owner_id=new_owner(), expires_at=expires_at)
    backend.put(make_record(owner_id=record.owner_id, expires_at=NOW + 60 * SECOND))
    backend.put(record)
    assert item_of(record).get("expires_at") == attribute
    assert backend.get(record.owner_id, "t").record == record


@pytest.mark.parametrize("fraction", ["", ".123", ".123456", ".123456789"])
def test_an_item_of_the_rust_crate_is_read_and_rewritten(
    backend: DynamoDbBackend,
    plant: Callable[..., None],
    item_of: Callable[[TaskRecord], dict[str, Any]],
    fraction: str,
) -> None:
    owner_id = new_owner()
    extra = {"inputRequests": {"a": {"kind": "form"}}, "error": {"code": -32000, "message": "m"}}
    data = rust_json(owner_id, fraction, **extra)
    plant(owner_id, "t", version={"N": "7"}, data={"S": data}, expires_at={"N": "1771842660"})

    found = backend.get(owner_id, "t")
    assert found.version == 7
    assert [found] == backend.list_by_owner(owner_id)
    changed = found.record.model_copy(update={"variables": {"step": 2}})
    assert backend.put_if_version(changed, 7) == 8
    assert backend.put(changed) == 9

    stored = json.loads(item_of(changed)["data"]["S"])
    assert stored["variables"] == {"step": 2}
    assert {name: stored[name] for name in extra} == extra
    assert item_of(changed)["status"] == {"S": "input_required"}


def test_writes_over_an_item_of_the_rust_crate_are_refused(
    backend: DynamoDbBackend, plant: Callable[..., None]
) -> None:
    owner_id = new_owner()
    plant(owner_id, "t", version={"N": "7"}, data={"S": rust_json(owner_id)})
    with pytest.raises(ConcurrentModificationError) as conflict:
        backend.put_if_version(make_record(owner_id=owner_id), 6)
    assert conflict.value.actual_version == 7
    with pytest.raises(AlreadyExistsError):
        backend.create(make_record(owner_id=owner_id))


VERSION, DATA = {"N": "3"}, {"S": rust_json("another owner")}


@pytest.mark.parametrize(
    "attributes",
    [
        {"version": VERSION},
        {"data": DATA},
        {"version": VERSION, "data": {"B": b"{}"}},
        {"version": {"S": "3"}, "data": DATA},
        {"version": {"N": "0"}, "data": DATA},
        {"version": {"N": "-3"}, "data": DATA},
        {"version": {"N": "3.5"}, "data": DATA},
    ],
    ids=str,
)
def test_a_malformed_item_is_corrupt_for_reads_and_refused_writes(
    backend: DynamoDbBackend, plant: Callable[..., None], attributes: dict[str, Any]
) -> None:
    owner_id = new_owner()
    plant(owner_id, "t", **attributes)
    calls: list[Callable[[], object]] = [
        lambda: backend.get(owner_id, "t"),
        lambda: backend.list_by_owner(owner_id),
        lambda: backend.create(make_record(owner_id=owner_id)),
        lambda: backend.put_if_version(make_record(owner_id=owner_id), 9),
        lambda: backend.put(make_record(owner_id=owner_id)),
    ]
    for call in calls:
        with pytest.raises(CorruptRecordError, match="version"):
            call()
    assert backend.delete(owner_id, "t") is True


@pytest.mark.parametrize("data", ["{", "[]", rust_json("another owner")])
def test_data_that_is_not_a_record_of_the_key_is_corrupt(
    backend: DynamoDbBackend, plant: Callable[..., None], data: str
) -> None:
    owner_id = new_owner()
    plant(owner_id, "t", version=VERSION, data={"S": data})
    with pytest.raises(CorruptRecordError):
        backend.get(owner_id, "t")
    with pytest.raises(CorruptRecordError):
        backend.list_by_owner(owner_id)


def test_nothing_but_tasks_of_the_partition_is_listed_or_counted(
    backend: DynamoDbBackend, dynamodb_client: DynamoDBClient, table: str
) -> None:
    owner_id = new_owner()
    backend.create(make_record(owner_id=owner_id))
    for foreign in ("AAA", "TASK", "TASKS", "ZZZ"):
        item = {"PK": {"S": f"OWNER#{owner_id}"}, "SK": {"S": foreign}}
        dynamodb_client.put_item(TableName=table, Item=item)
    assert [f.record.task_id for f in backend.list_by_owner(owner_id)] == ["t"]
    assert backend.list_by_owner(owner_id, after="a") == []
    assert backend.count_by_owner(owner_id) == 1
    assert backend.count_by_owner(owner_id, live_at=NOW) == 1
