"""Tasks that outlive processes: real servers over HTTP and stdio, killed at the worst moments."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("mcp")

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from pmcp_storage.mcp import TasksCapability, TasksClient
from support.mcp_clients import (
    JOBS,
    JobsServer,
    begin,
    connected,
    logged,
    say_yes,
    text_of,
    until,
    until_logged,
)

pytestmark = pytest.mark.anyio

LEASE = 4.0
"""Seconds: short, so that tests need not wait long for one to lapse, and long enough to be renewed
on a busy machine."""


everywhere = pytest.mark.parametrize("storage", ["sqlite", "redis", "dynamodb"], indirect=True)


@pytest.fixture
def servers(storage: str, log: Path) -> Iterator[Any]:
    """Starts so many servers over the storage, with such settings."""
    with ExitStack() as stack:

        def start(count: int, **settings: object) -> list[JobsServer]:
            options = {"PMCP_LOG": log, "PMCP_LEASE": LEASE, **settings}
            return [stack.enter_context(JobsServer(storage, **options)) for _ in range(count)]

        yield start


@asynccontextmanager
async def clients(*urls: str, **options: Any) -> Any:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connected(url, **options)) for url in urls]


@everywhere
async def test_another_process_resumes_what_was_killed(servers: Any, log: Path) -> None:
    one, two, three = servers(3)
    async with clients(one.url, two.url, three.url) as (first, second, third):
        task_id = await begin(first, "again", seconds=3600)
        await until_logged(log, "again begins")
        one.kill()
        polls = (until_begun(client, task_id, log) for client in (second, third))
        await asyncio.gather(*polls)
        killed, resumer = logged(log, "again begins")
        assert killed != resumer
        assert resumer in (str(two.pid), str(three.pid))
        await TasksClient(second).cancel(task_id)


async def until_begun(client: Client, task_id: str, log: Path) -> None:
    """Poll until a second run has begun."""
    while len(logged(log, "again begins")) < 2:
        await TasksClient(client).get(task_id)
        await asyncio.sleep(0.05)


@everywhere
async def test_what_is_not_resumable_fails(servers: Any, log: Path) -> None:
    one, two = servers(2)
    async with clients(one.url, two.url) as (first, second):
        task_id = await begin(first, "slow", seconds=3600)
        await until_logged(log, "slow begins")
        one.kill()
        task = await until(second, task_id, "failed", "completed")
        assert task.error == {
            "code": -32603,
            "message": "The server stopped while it worked on this task",
        }
        assert len(logged(log, "slow begins")) == 1


@everywhere
async def test_a_result_outlives_its_process(servers: Any) -> None:
    one, two = servers(2)
    async with clients(one.url, two.url) as (first, second):
        task_id = await begin(first, "slow", seconds=0)
        await until(first, task_id, "completed")
        one.kill()
        result = await TasksClient(second).wait(task_id)
    assert result.structured_content == {"total": 42}


@everywhere
async def test_questions_and_answers_outlive_processes(servers: Any, log: Path) -> None:
    one, two = servers(2)
    async with clients(one.url, two.url) as (first, second):
        task_id = await begin(first, "asks")
        asked = await until(first, task_id, "input_required")
        one.kill()
        await TasksClient(second).update(task_id, await say_yes(asked.questions))
        task = await until(second, task_id, "input_required")
        assert [it["params"]["message"] for it in task.questions.values()] == ["Second?"]
        await TasksClient(second).update(task_id, await say_yes(task.questions))
        result = await TasksClient(second).wait(task_id)
    assert text_of(result) == f"True True by {two.pid}"


async def test_a_task_that_was_announced_is_there_after_a_kill(servers: Any) -> None:
    one, two = servers(2)
    async with clients(one.url, two.url) as (first, second):
        task_id = await begin(first, "again", seconds=0)
        one.kill()
        assert (await until(second, task_id, "completed", "failed")).status == "completed"


async def test_two_hundred_calls_at_once_of_two_servers(servers: Any) -> None:
    one, two = servers(2)
    async with clients(one.url, two.url) as both:
        calls = [both[number % 2].call_tool("slow", {"seconds": 0.01}) for number in range(200)]
        results = await asyncio.gather(*calls)
    assert all(result.structured_content == {"total": 42} for result in results)


async def test_expiry_and_size_seen_from_another_process(servers: Any) -> None:
    one, two = servers(2)
    async with clients(one.url, two.url) as (first, second):
        short, big = await begin(first, "short_lived"), await begin(first, "big", size=400_000)
        error = (await until(second, big, "failed")).error
        assert "too large" in str(error)
        with pytest.raises(MCPError, match="Task not found"):
            await until(second, short, "completed")


async def test_cancelling_elsewhere_stops_the_tool(servers: Any, log: Path) -> None:
    one, two = servers(2)
    async with clients(one.url, two.url) as (first, second):
        task_id = await begin(first, "endless")
        await until_logged(log, "endless begins")
        await TasksClient(second).cancel(task_id)
        assert await until_logged(log, "endless stopped") == [str(one.pid)]
        assert (await TasksClient(first).get(task_id)).status == "cancelled"


async def test_a_server_that_stops_hands_its_tasks_over_at_once(servers: Any, log: Path) -> None:
    one, two = servers(2, PMCP_LEASE=3600)
    async with clients(one.url, two.url) as (first, second):
        resumable = await begin(first, "again", seconds=3600)
        other = await begin(first, "slow", seconds=3600)
        await until_logged(log, "again begins")
        await until_logged(log, "slow begins")
        one.signal(signal.SIGTERM)
        await until_begun(second, resumable, log)
        assert (await TasksClient(second).get(other)).status == "failed"
        await TasksClient(second).cancel(resumable)


async def test_a_lease_is_renewed_for_as_long_as_the_job_takes(servers: Any, log: Path) -> None:
    one, two = servers(2, PMCP_LEASE=3)
    async with clients(one.url, two.url) as (first, second):
        task_id = await begin(first, "again", seconds=7)
        task = await until(second, task_id, "completed", "failed")
    assert task.status == "completed"
    assert len(logged(log, "again begins")) == 1


async def test_owners_by_their_access_tokens(servers: Any) -> None:
    one, two = servers(2, PMCP_AUTH=1)
    async with (
        connected(one.url, token="user-ada") as ada,
        connected(two.url, token="user-ada") as again,
        connected(two.url, token="user-bob") as bob,
    ):
        task_id = await begin(ada, "slow", seconds=0)
        assert (await until(again, task_id, "completed")).status == "completed"
        with pytest.raises(MCPError, match="Task not found"):
            await TasksClient(bob).get(task_id)


async def test_a_header_that_names_another_task_is_refused(servers: Any) -> None:
    (one,) = servers(1)
    async with connected(one.url) as client, httpx2.AsyncClient() as http:
        task_id = await begin(client, "endless")
        answer = await http.post(one.url, json=get_request(task_id), headers=headers("another"))
        assert answer.json()["error"]["code"] == -32020
        answer = await http.post(one.url, json=get_request(task_id), headers=headers(task_id))
        assert answer.json()["result"]["status"] == "working"


async def test_listening_for_tasks_needs_the_extension(servers: Any) -> None:
    """Servers MUST return this error for non-declaring clients requesting task notifications …"""
    (one,) = servers(1)
    request = get_request("x", declared=False) | {"method": "subscriptions/listen"}
    request["params"]["notifications"] = {"taskIds": ["x"]}
    sent = headers("x") | {"Mcp-Method": "subscriptions/listen"}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(one.url, json=request, headers=sent)
    assert answer.json()["error"]["code"] == -32021


def get_request(task_id: str, *, declared: bool = True) -> dict[str, Any]:
    extensions: object = {"io.modelcontextprotocol/tasks": {}} if declared else {}
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions},
    }
    params = {"taskId": task_id, "_meta": meta}
    return {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": params}


def headers(name: str) -> dict[str, str]:
    return {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tasks/get",
        "Mcp-Name": name,
    }


async def test_a_task_outlives_a_server_on_standard_input(storage: str, log: Path) -> None:
    variables = {"PMCP_STORAGE": storage, "PMCP_LOG": str(log), "PMCP_LEASE": "2"}
    parameters = StdioServerParameters(
        command=sys.executable, args=[str(JOBS), "stdio"], env={**os.environ, **variables}
    )
    with suppress(Exception):  # whatever a client makes of a server that is gone
        async with Client(stdio_client(parameters), extensions=[TasksCapability()]) as client:
            task_id = await begin(client, "again", seconds=0.5)
            (pid,) = await until_logged(log, "again begins")
            os.kill(int(pid), signal.SIGKILL)
    async with Client(stdio_client(parameters), extensions=[TasksCapability()]) as client:
        result = await TasksClient(client).wait(task_id)
    (_, resumer) = logged(log, "again begins")
    assert text_of(result) == f"done by {resumer}"
