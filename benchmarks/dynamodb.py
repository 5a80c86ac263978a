"""DynamoDbBackend beside bare calls of boto3.

One client has boto3's default settings, and the other the same as the backend's. All sides send the
same requests with the same items, made and read by the same codec, to tables of their own in one
engine. `put` is a read and a conditional write on either side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3

from benchmarks.engines import Engines
from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Side, backend_steps, compare, make_record
from pmcp_storage import DynamoDbBackend, TaskRecord
from pmcp_storage.backends.dynamodb import client_from_env, items, table_definition

LIMITS = {"boto3 as it comes": Limit(1.00), "boto3, same settings": Limit(1.10)}


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    engines.dynamodb()
    records = [make_record(number) for number in range(scale.rounds)]
    plain, same = boto3.client("dynamodb", region_name="us-east-1"), client_from_env()
    for table in ("backend", "plain", "same"):
        plain.create_table(**table_definition(table))
    with DynamoDbBackend.from_env("backend") as backend:
        ours = backend_steps(backend, records)
        ours["count"] = lambda n: backend.count_by_owner("owner")
        ours["delete"] = ours.pop("delete")  # at last
        sides = {
            "DynamoDbBackend": ours,
            "boto3 as it comes": _steps(Bare(plain, "plain"), records),
            "boto3, same settings": _steps(Bare(same, "same"), records),
        }
        yield from compare(sides, LIMITS, scale.rounds)
    for table in ("backend", "plain", "same"):
        plain.delete_table(TableName=table)


class Bare:
    """The requests of the backend, by a client."""

    def __init__(self, client: Any, table: str) -> None:
        self.client, self.table = client, table

    def get(self, record: TaskRecord) -> int:
        key = items.key_of(record.owner_id, record.task_id)
        answer = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return items.decode(record.owner_id, record.task_id, answer["Item"]).version

    def write(self, record: TaskRecord, version: int, **condition: Any) -> None:
        self.client.put_item(
            TableName=self.table,
            Item=items.encode(record, version),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **condition,
        )

    def create(self, record: TaskRecord) -> None:
        self.write(record, 1, ConditionExpression="attribute_not_exists(PK)")

    def swap(self, record: TaskRecord, version: int) -> None:
        self.write(
            record,
            version + 1,
            ConditionExpression="version = :expected",
            ExpressionAttributeValues={":expected": {"N": str(version)}},
        )

    def delete(self, record: TaskRecord) -> None:
        key = items.key_of(record.owner_id, record.task_id)
        condition = "attribute_exists(PK)"
        self.client.delete_item(TableName=self.table, Key=key, ConditionExpression=condition)

    def query(self, **parameters: Any) -> Any:
        values = {":owner": {"S": f"{items.OWNER}owner"}, ":task": {"S": items.TASK}}
        return self.client.query(
            TableName=self.table,
            KeyConditionExpression="PK = :owner AND begins_with(SK, :task)",
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            ConsistentRead=True,
            **parameters,
        )

    def page(self) -> None:
        for item in self.query(Limit=50)["Items"]:
            items.decode("owner", items.task_id_of(item), item)


def _steps(bare: Bare, records: list[TaskRecord]) -> Side:
    return {
        "create": lambda n: bare.create(records[n]),
        "get": lambda n: bare.get(records[n]),
        "put_if_version": lambda n: bare.swap(records[n], 1),
        "put": lambda n: bare.swap(records[n], bare.get(records[n])),
        "page of 50": lambda n: bare.page(),
        "count": lambda n: bare.query(Select="COUNT"),
        "delete": lambda n: bare.delete(records[n]),
    }
