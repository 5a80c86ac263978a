"""Tools as tasks, as a client of the protocol sees them: one process, a storage in memory.

The sentences that tests quote are those of the extension's specification (SEP-2663).
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from pmcp_storage import AsyncTaskStore, InMemoryBackend, InvalidTtlError, StoreConfig
from pmcp_storage.mcp import TaskCancelledError, TasksClient, TasksExtension, TaskState
from support.mcp_clients import begin, connected, text_of, until, until_logged
from support.mcp_jobs import jobs_server
from support.store_support import CountingBackend

pytestmark = pytest.mark.anyio

MISSING_CAPABILITY = -32021


async def test_a_call_waits_for_its_task(server: Any) -> None:
    async with connected(server) as client:
        result = await client.call_tool("slow", {"seconds": 0})
        assert result.structured_content == {"total": 42}


async def test_a_task_can_be_got_as_soon_as_it_is_announced(server: Any) -> None:
    """A server MUST NOT return CreateTaskResult until the task is durably created."""
    async with connected(server) as client:
        task = await TasksClient(client).start("slow", {"seconds": 0})
        assert isinstance(task, TaskState)
        assert task.status == "working"
        assert (await TasksClient(client).get(task.task_id)).task_id == task.task_id


async def test_ids_cannot_be_guessed(server: Any) -> None:
    """Servers MUST generate them with sufficient entropy that a third party cannot … guess them."""
    async with connected(server) as client:
        ids = {await begin(client, "slow", seconds=0) for _ in range(16)}
    assert len(ids) == 16
    assert {len(int(task_id, 16).to_bytes(16, "big")) for task_id in ids} == {16}
    assert len({task_id[:4] for task_id in ids}) > 8  # no part of them is a clock or a counter


async def test_the_result_type_is_that_of_each_answer(server: Any) -> None:
    """resultType MUST be "task" for CreateTaskResult, and MUST NOT be so for another result."""
    async with connected(server) as client:
        task = await TasksClient(client).start("slow", {"seconds": 0})
        assert isinstance(task, TaskState)
        assert task.model_dump()["resultType"] == "task"
        found = await TasksClient(client).get(task.task_id)
        assert found.model_dump()["resultType"] == "complete"


async def test_who_has_not_declared_the_extension_gets_no_task(server: Any) -> None:
    """A server MUST NOT return CreateTaskResult to a client that did not include the capability."""
    async with connected(server, declared=False) as client:
        result = await client.call_tool("slow", {"seconds": 0})
        assert result.structured_content == {"total": 42}


async def test_a_tool_that_runs_as_a_task_only_refuses_others(server: Any) -> None:
    """… unable to service a request without CreateTaskResult MUST return -32021."""
    async with connected(server, declared=False) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("threaded")
    assert refused.value.error.code == MISSING_CAPABILITY
    wanted: object = {"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
    assert refused.value.error.data == wanted


@pytest.mark.parametrize("method", ["get", "cancel", "wait"])
async def test_requests_about_tasks_need_the_extension(server: Any, method: str) -> None:
    """Servers MUST return this error for non-declaring clients issuing tasks/get, …"""
    async with connected(server) as client, connected(server, declared=False) as other:
        task_id = await begin(client, "endless")
        with pytest.raises(MCPError) as refused:
            await getattr(TasksClient(other), method)(task_id)
    assert refused.value.error.code == MISSING_CAPABILITY


async def test_a_tool_that_is_no_task_is_as_before(server: Any, backend: CountingBackend) -> None:
    async with connected(server) as client:
        answer = await TasksClient(client).start("greet", {"name": "Ada"})
    assert isinstance(answer, CallToolResult)
    assert text_of(answer) == "Hello, Ada!"
    assert not backend.requests


async def test_bad_arguments_create_no_task(server: Any, backend: CountingBackend) -> None:
    async with connected(server) as client:
        answer = await TasksClient(client).start("slow", {"seconds": "soon"})
    assert isinstance(answer, CallToolResult)
    assert answer.is_error
    assert not backend.requests


async def test_progress_is_the_status_message(server: Any) -> None:
    async with connected(server) as client:
        task_id = await begin(client, "again", seconds=60)
        while (task := await TasksClient(client).get(task_id)).status_message is None:
            await asyncio.sleep(0.01)
        assert (task.status, task.status_message) == ("working", "half way")
        await TasksClient(client).cancel(task_id)


async def test_a_function_without_await_runs_as_a_task(server: Any) -> None:
    async with connected(server) as client:
        assert text_of(await client.call_tool("threaded")) == "from a thread"


async def test_a_result_that_is_an_error_is_completed(server: Any) -> None:
    """… a tool result with isError: true … MUST use the completed status."""
    async with connected(server) as client:
        task = await until(client, await begin(client, "refuses"), "completed", "failed")
        assert task.status == "completed"
        result = await TasksClient(client).wait(task.task_id)
    assert result.is_error
    assert text_of(result) == "Error executing tool refuses: no such year"


async def test_a_crash_shows_the_client_nothing_of_its_cause(server: Any) -> None:
    async with connected(server) as client:
        result = await client.call_tool("crashes")
    assert result.is_error
    assert text_of(result) == "Error executing tool crashes"


async def test_a_protocol_error_fails_the_task(server: Any) -> None:
    """The task moves to the failed status … and MUST include the error field …"""
    async with connected(server) as client:
        task_id = await begin(client, "breaks_protocol")
        task = await until(client, task_id, "completed", "failed")
        expected = {"code": -32050, "message": "the upstream is gone", "data": {"retry": False}}
        assert (task.status, task.error) == ("failed", expected)
        assert task.status_message == "the upstream is gone"
        with pytest.raises(MCPError, match="the upstream is gone"):
            await TasksClient(client).wait(task_id)


async def test_cancelling_stops_the_tool(server: Any, log: Path) -> None:
    async with connected(server) as client:
        task_id = await begin(client, "endless")
        await until_logged(log, "endless begins")
        await TasksClient(client).cancel(task_id)
        await until_logged(log, "endless stopped")
        assert (await TasksClient(client).get(task_id)).status == "cancelled"
        with pytest.raises(TaskCancelledError):
            await TasksClient(client).wait(task_id)


async def test_a_task_that_has_ended_can_be_cancelled_without_effect(server: Any) -> None:
    async with connected(server) as client:
        task_id = await begin(client, "slow", seconds=0)
        await until(client, task_id, "completed")
        await TasksClient(client).cancel(task_id)
        assert (await TasksClient(client).get(task_id)).status == "completed"


async def test_an_unknown_task(server: Any) -> None:
    """Servers MUST return this error [-32602] for tasks/get."""
    async with connected(server) as client:
        for call in (TasksClient(client).get, TasksClient(client).cancel):
            with pytest.raises(MCPError) as refused:
                await call("4e53cd31907c664d57f182b3afb71328")
            assert (refused.value.error.code, refused.value.message) == (
                INVALID_PARAMS,
                "Task not found",
            )


async def test_an_expired_task_is_unknown(server: Any, log: Path) -> None:
    async with connected(server) as client:
        task_id = await begin(client, "short_lived")
        assert (await TasksClient(client).get(task_id)).model_dump()["ttlMs"] == 1500
        with pytest.raises(MCPError, match="Task not found"):
            await until(client, task_id, "completed")


async def test_large_arguments_fit(server: Any) -> None:
    nested: list[Any] = []
    for _ in range(30):
        nested = [nested]
    async with connected(server) as client:
        result = await client.call_tool("length", {"text": "x" * 70_000, "nested": nested})
        assert result.structured_content == {"result": 70_000}


async def test_a_result_too_large_to_keep_fails_the_task(server: Any) -> None:
    async with connected(server) as client:
        task = await until(client, await begin(client, "big", size=400_000), "completed", "failed")
    assert task.status == "failed"
    assert task.error is not None
    assert task.error["code"] == INTERNAL_ERROR
    assert "358400" in task.error["message"]


async def test_a_client_that_leaves_stops_no_tools(server: Any, log: Path) -> None:
    async with connected(server) as client:
        task_id = await begin(client, "slow", seconds=0.2)
        async with connected(server):
            pass
        assert (await until(client, task_id, "completed", "failed")).status == "completed"


async def test_two_hundred_calls_at_once(server: Any) -> None:
    async with connected(server) as client:
        calls = [client.call_tool("slow", {"seconds": 0.01}) for _ in range(200)]
        results = await asyncio.gather(*calls)
    assert all(result.structured_content == {"total": 42} for result in results)


async def test_the_limits_of_a_store_of_ones_own(log: Path) -> None:
    config = StoreConfig(max_tasks_per_owner=1, default_ttl_ms=60_000)
    store = AsyncTaskStore(InMemoryBackend(), config)
    server = jobs_server(TasksExtension(store, owner=lambda: "ada"))
    async with connected(server) as client:
        task_id = await begin(client, "endless")
        assert (await TasksClient(client).get(task_id)).model_dump()["ttlMs"] == 60_000
        with pytest.raises(MCPError) as refused:
            await begin(client, "endless")
        assert "ada" not in refused.value.message
        await TasksClient(client).cancel(task_id)


async def test_owners_do_not_see_each_others_tasks(backend: CountingBackend) -> None:
    servers = [
        jobs_server(TasksExtension(backend, owner=partial(str, it))) for it in ("ada", "bob")
    ]
    async with connected(servers[0]) as ada, connected(servers[1]) as bob:
        task_id = await begin(ada, "slow", seconds=0)
        with pytest.raises(MCPError, match="Task not found"):
            await TasksClient(bob).get(task_id)
        with pytest.raises(MCPError, match="Task not found"):
            await TasksClient(bob).cancel(task_id)
        assert (await until(ada, task_id, "completed")).status == "completed"


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), "30", None])
def test_a_lease_must_be_a_positive_number(seconds: Any) -> None:
    with pytest.raises(ValueError, match="lease_seconds must be a positive number"):
        TasksExtension(InMemoryBackend(), lease_seconds=seconds)


def test_a_tool_is_marked_once(tasks: TasksExtension) -> None:
    jobs_server(tasks)
    with pytest.raises(ValueError, match="a task tool named 'slow' already"):
        jobs_server(tasks)


def test_a_ttl_that_no_task_may_have_is_refused_where_it_is_written(tasks: TasksExtension) -> None:
    with pytest.raises(InvalidTtlError, match="86400001"):
        tasks.task(ttl_ms=86_400_001)
    with pytest.raises(InvalidTtlError, match="0"):
        tasks.task(ttl_ms=0)


def test_another_storage_is_refused() -> None:
    with pytest.raises(TypeError, match="backend must be a StorageBackend"):
        TasksExtension(object())  # type: ignore[arg-type]
