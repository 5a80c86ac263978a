"""What one could take over DynamoDB, at the work of `rivals`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from typing import Any

from benchmarks.rival import BACKGROUND, LISTED, BotocoreCounter, Rival
from benchmarks.side_by_side import Step, make_record
from pmcp_storage import DynamoDbBackend, StorageBackend, read_row


def backend_work(backend: StorageBackend) -> dict[str, Step]:
    """The work by a backend of this project."""
    for record in BACKGROUND:
        backend.create(record)

    def update(number: int) -> None:
        record = make_record(number)
        for version in range(1, 6):
            backend.put_if_version(record, version)

    return {
        "create": lambda n: backend.create(make_record(n)),
        "read": lambda n: backend.get("owner", make_record(n).task_id),
        "five updates": update,
        "list 50": lambda n: backend.list_by_owner("owner", limit=LISTED),
        "delete": lambda n: backend.delete("owner", make_record(n).task_id),
    }


def _ours(url: str, stack: ExitStack) -> Rival:
    from pmcp_storage.backends.dynamodb import client_from_env, table_definition

    client = client_from_env()
    client.create_table(**table_definition("work"))
    backend = stack.enter_context(DynamoDbBackend(client, "work", close_client=True))
    return Rival(backend_work(backend), BotocoreCounter(client))


def _pynamodb(url: str, stack: ExitStack) -> Rival:
    from adapters.pynamodb_model import TaskItem

    class Work(TaskItem):
        class Meta:
            table_name = "pynamodb"
            host = url
            region = "us-east-1"
            billing_mode = "PAY_PER_REQUEST"

    Work.create_table(wait=True)
    held: dict[int, Work] = {}

    def create(number: int) -> None:
        record = make_record(number)
        held[number] = Work(record.owner_id, record.task_id, data=record.to_json())
        held[number].save()

    def read(number: int) -> None:
        found = Work.get("owner", make_record(number).task_id, consistent_read=True)
        read_row("owner", found.task_id, found.data, int(found.version))

    def update(number: int) -> None:
        for _ in range(5):
            held[number].data = make_record(number).to_json()
            held[number].save()

    def page(_: int) -> None:
        query = Work.query("owner", limit=LISTED, scan_index_forward=False, consistent_read=True)
        for found in query:
            read_row("owner", found.task_id, found.data, int(found.version))

    for record in BACKGROUND:
        Work(record.owner_id, record.task_id, data=record.to_json()).save()
    operations: dict[str, Step] = {"create": create, "read": read, "five updates": update}
    operations |= {"list 50": page, "delete": lambda n: held.pop(n).delete()}
    return Rival(operations, BotocoreCounter(Work._get_connection().connection.client))


def key_value_work(store: Any, run: Callable[[Any], Any]) -> dict[str, Step]:
    """The work by a store of py-key-value; `run` carries out its coroutines."""

    async def write(number: int, times: int = 1) -> None:
        for _ in range(times):
            record = make_record(number)
            row = {"version": 1, "data": record.to_json()}
            await store.put(record.task_id, row, collection="owner", ttl=3600)

    async def read(number: int) -> None:
        task_id = make_record(number).task_id
        found = await store.get(task_id, collection="owner")
        read_row("owner", task_id, found["data"], found["version"])

    return {
        "create": lambda n: run(write(n)),
        "read": lambda n: run(read(n)),
        "five updates": lambda n: run(write(n, 5)),
        "delete": lambda n: run(store.delete(make_record(n).task_id, collection="owner")),
    }


def _key_value(url: str, stack: ExitStack) -> Rival:
    from aiobotocore.session import get_session
    from key_value.aio.stores.dynamodb import DynamoDBStore

    runner = stack.enter_context(asyncio.Runner())
    context = get_session().create_client("dynamodb", region_name="us-east-1", endpoint_url=url)
    client = runner.run(context.__aenter__())
    stack.callback(lambda: runner.run(context.__aexit__(None, None, None)))
    store = DynamoDBStore(client=client, table_name="key-value")
    runner.run(store.setup())
    return Rival(key_value_work(store, runner.run), BotocoreCounter(client))


def _langgraph(url: str, stack: ExitStack) -> Rival:
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph_checkpoint_aws import DynamoDBSaver

    from pmcp_storage.backends.dynamodb import client_from_env, table_definition

    with closing(client_from_env()) as client:
        client.create_table(**table_definition("langgraph"))
    saver = DynamoDBSaver("langgraph", region_name="us-east-1", endpoint_url=url)
    held: dict[int, Any] = {}

    def write(number: int) -> None:
        start = {"configurable": {"thread_id": make_record(number).task_id, "checkpoint_ns": ""}}
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"task": make_record(number).to_json()}
        held[number] = saver.put(held.get(number, start), checkpoint, {}, {})

    def update(number: int) -> None:
        for _ in range(5):
            write(number)

    operations: dict[str, Step] = {
        "create": write,
        "read": lambda n: saver.get_tuple(held[n]),
        "five updates": lambda n: update(n),
        "delete": lambda n: (saver.delete_thread(make_record(n).task_id), held.pop(n)),
    }
    return Rival(operations, BotocoreCounter(saver.client))


RIVALS: Mapping[str, Callable[[str, ExitStack], Rival]] = {
    "DynamoDbBackend": _ours,
    "PynamoDB": _pynamodb,
    "py-key-value on DynamoDB": _key_value,
    "langgraph-checkpoint-aws": _langgraph,
}
