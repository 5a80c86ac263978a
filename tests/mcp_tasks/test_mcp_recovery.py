"""Jobs that another process does, and tasks whose process is gone, without a client that asks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from pmcp_storage import (
    BackendError,
    DynamoDbBackend,
    InMemoryBackend,
    StorageBackend,
    TaskRecord,
    TaskStatus,
)
from pmcp_storage.mcp import TasksClient, TasksExtension
from pmcp_storage.mcp.ledger import SHARDS
from support.dynamodb_faults import every_second, lose_answer
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import NO_RETRIES, connect
from support.mcp_clients import begin, connected, logged, say_yes, until
from support.mcp_jobs import jobs_server

pytestmark = pytest.mark.anyio

LAPSED = 1e-9
"""Seconds of a lease that has lapsed before anybody looks."""


class Queue:
    """Tasks on their way to a worker."""

    def __init__(self, *, broken: bool = False) -> None:
        self.tasks: list[tuple[str, str]] = []
        self.broken = broken

    async def start(self, owner_id: str, task_id: str) -> None:
        self.tasks.append((owner_id, task_id))
        if self.broken:
            raise ConnectionError("the queue is gone")


def extension(backend: StorageBackend, **options: Any) -> TasksExtension:
    """An extension whose tools are the jobs."""
    tasks = TasksExtension(backend, **options)
    jobs_server(tasks)
    return tasks


@pytest.fixture
def backend() -> InMemoryBackend:
    return InMemoryBackend()


async def begin_with(backend: StorageBackend, name: str, arguments: Any, **options: Any) -> str:
    """Have a process that does no jobs itself begin a task."""
    server = jobs_server(TasksExtension(backend, **options))
    async with connected(server) as client:
        return await begin(client, name, **arguments)


async def test_another_process_does_the_job(backend: InMemoryBackend) -> None:
    queue = Queue()
    server = jobs_server(TasksExtension(backend, start=queue.start))
    async with connected(server) as client:
        task_id = await begin(client, "slow", seconds=0)
        assert (await TasksClient(client).get(task_id)).status == "working"
        assert (await extension(backend).run(*queue.tasks[0])).status is TaskStatus.COMPLETED
        assert (await until(client, task_id, "completed")).result is not None


async def test_answers_to_a_tool_that_this_server_lacks_wait_for_another(
    backend: InMemoryBackend,
) -> None:
    one, lacking = (
        jobs_server(TasksExtension(backend)),
        MCPServer[Any]("other", extensions=[TasksExtension(backend, lease_seconds=LAPSED)]),
    )
    async with connected(one) as client, connected(lacking) as other:
        task_id = await begin(client, "asks_together")
        asked = await until(client, task_id, "input_required")
        await TasksClient(other).update(task_id, await say_yes(asked.questions))
        assert (await TasksClient(other).get(task_id)).status == "working"
        assert (await until(client, task_id, "completed")).status == "completed"


async def test_delivered_twice_it_runs_once(backend: InMemoryBackend, log: Any) -> None:
    queue = Queue()
    await begin_with(backend, "slow", {"seconds": 0.1}, start=queue.start)
    workers = [extension(backend) for _ in range(8)]
    found = await asyncio.gather(*(worker.run(*queue.tasks[0]) for worker in workers))
    assert (await workers[0].run(*queue.tasks[0])).status is TaskStatus.COMPLETED
    assert len(logged(log, "slow begins")) == 1
    assert {record.status for record in found} <= {TaskStatus.WORKING, TaskStatus.COMPLETED}


async def test_answers_wake_a_worker(backend: InMemoryBackend) -> None:
    queue, answers = Queue(), {"action": "accept", "content": {"confirm": True}}
    worker = extension(backend)
    server = jobs_server(TasksExtension(backend, start=queue.start))
    async with connected(server) as client:
        task_id = await begin(client, "asks_together")
        assert (await worker.run(*queue.tasks[0])).status is TaskStatus.INPUT_REQUIRED
        asked = (await TasksClient(client).get(task_id)).questions
        await TasksClient(client).update(task_id, dict.fromkeys(asked, answers))
        assert (await worker.run(*queue.tasks[1])).status is TaskStatus.COMPLETED


async def test_what_was_never_started_is_started_again(backend: InMemoryBackend, log: Any) -> None:
    """As after a crash between the creation of a task and the message to its worker."""
    broken, queue = Queue(broken=True), Queue()
    options: Any = {"lease_seconds": LAPSED, "ledger": True}
    task_id = await begin_with(backend, "slow", {"seconds": 0}, start=broken.start, **options)
    tasks = extension(backend, start=queue.start, ledger=True)
    assert await tasks.recover() == 1
    assert [task for _, task in queue.tasks] == [task_id]
    assert await tasks.recover() == 0  # it has some time to arrive
    assert (await extension(backend).run(*queue.tasks[0])).status is TaskStatus.COMPLETED


async def abandoned(backend: StorageBackend, name: str, **options: Any) -> TaskRecord:
    """A task whose run has begun, and whose process is gone."""
    task_id = await begin_with(backend, name, {"seconds": 0}, lease_seconds=LAPSED, **options)
    (record,) = [record for record in stored(backend) if record.task_id == task_id]
    return record


def stored(backend: Any) -> list[TaskRecord]:
    rows = backend._storage.rows.values()
    return [TaskRecord.from_json(row.data) for row in rows]


async def test_an_owners_abandoned_tasks_are_run_again_or_fail(
    backend: InMemoryBackend, log: Any
) -> None:
    owner = {"owner": lambda: "ada"}
    lost = [await abandoned(backend, name, **owner) for name in ("again", "slow")]
    tasks = extension(backend)
    assert await tasks.recover("bob") == 0
    assert await tasks.recover("ada") == 2
    done, failed = [await settled(backend, record) for record in lost]
    assert (done.status, failed.status) == (TaskStatus.COMPLETED, TaskStatus.FAILED)
    assert await tasks.recover("ada") == 0


async def settled(backend: StorageBackend, record: TaskRecord) -> TaskRecord:
    while True:
        found = backend.get(record.owner_id, record.task_id).record
        if found.status.is_terminal:
            return found
        await asyncio.sleep(0.01)


async def test_of_many_processes_one_recovers_a_task(backend: InMemoryBackend, log: Any) -> None:
    lost = await abandoned(backend, "again", ledger=True)
    before = len(logged(log, "again begins"))
    counts = await asyncio.gather(*(extension(backend, ledger=True).recover() for _ in range(16)))
    await settled(backend, lost)
    assert sum(counts) == 1
    assert len(logged(log, "again begins")) - before == 1


async def test_the_ledger_finds_the_tasks_of_all_owners(backend: InMemoryBackend) -> None:
    for owner in ("ada", "bob"):
        await abandoned(backend, "slow", ledger=True, owner=lambda owner=owner: owner)
    await abandoned(backend, "slow", ledger=True)
    assert await extension(backend, ledger=True).recover() == 3
    entries = [record for record in stored(backend) if record.request_method == "ledger"]
    assert entries == []


async def test_without_a_ledger_recovery_needs_an_owner(backend: InMemoryBackend) -> None:
    with pytest.raises(ValueError, match="ledger=True, or name an owner"):
        await extension(backend).recover()


async def test_the_ledger_forgets_tasks_that_end(backend: InMemoryBackend) -> None:
    server = jobs_server(TasksExtension(backend, ledger=True))
    async with connected(server) as client:
        await client.call_tool("slow", {"seconds": 0})
        cancelled = await begin(client, "endless")
        await TasksClient(client).cancel(cancelled)
    while [record for record in stored(backend) if record.request_method == "ledger"]:
        await asyncio.sleep(0.01)


async def test_the_ledgers_writes_are_spread(backend: InMemoryBackend) -> None:
    for _ in range(40):
        await begin_with(backend, "slow", {"seconds": 3600}, ledger=True, start=Queue().start)
    shards = {record.owner_id for record in stored(backend) if record.request_method == "ledger"}
    assert SHARDS / 2 < len(shards) <= SHARDS


async def test_a_tool_that_this_server_lacks_is_left_to_others(backend: InMemoryBackend) -> None:
    lost = await abandoned(backend, "again", owner=lambda: "ada")
    assert await TasksExtension(backend).recover("ada") == 0
    assert backend.get(lost.owner_id, lost.task_id).record.status is TaskStatus.WORKING


class FailingSometimes(InMemoryBackend):
    """Refuses the next so many writes."""

    refusals = 0

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if self.refusals:
            self.refusals -= 1
            raise BackendError("the disk is busy")
        return super()._put_if_version(record, expected_version)


async def test_an_outcome_is_written_once_the_storage_works_again() -> None:
    backend = FailingSometimes()
    server = jobs_server(TasksExtension(backend))
    async with connected(server) as client:
        task_id = await begin(client, "slow", seconds=0.05)
        backend.refusals = 3
        task = await until(client, task_id, "completed", "failed")
    assert task.status == "completed"
    assert backend.refusals == 0


async def test_what_fails_in_the_storage_tells_the_client_nothing_more() -> None:
    class Broken(InMemoryBackend):
        def _create(self, record: TaskRecord) -> int:
            raise BackendError("password of ada is wrong")

    async with connected(jobs_server(TasksExtension(Broken()))) as client:
        with pytest.raises(Exception, match=r"^The task storage failed$"):
            await begin(client, "slow", seconds=0)


async def test_lost_answers_do_nothing_twice(dynamodb_client: Any, table: str, log: Any) -> None:
    """Every second write to the table is applied, and its answer is lost."""
    with DynamoDbProxy(dynamodb_client.meta.endpoint_url).running() as proxy:
        proxy.plan = every_second(lose_answer)
        client = connect(proxy.endpoint, retries=NO_RETRIES)
        queue = Queue()
        tasks = TasksExtension(DynamoDbBackend(client, table), start=queue.start)
        async with connected(jobs_server(tasks)) as caller:
            for _ in range(8):
                with suppress(MCPError):  # whether this one's task exists, nobody knows
                    await begin(caller, "slow", seconds=0)
            for task in queue.tasks:
                await tasks.run(*task)
                assert (await until(caller, task[1], "completed")).status == "completed"
        client.close()
    assert len(logged(log, "slow ends")) == len(queue.tasks) > 0
