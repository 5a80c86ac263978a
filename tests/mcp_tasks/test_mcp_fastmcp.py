"""FastMCP servers with the same tasks, as the SDK's client and FastMCP's own see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastmcp")

import fastmcp

from pmcp_storage import InMemoryBackend
from pmcp_storage.mcp import FastMCPTasks, TasksClient
from support.mcp_clients import begin, connected, say_yes, text_of, until, until_logged
from support.mcp_fastmcp import fastmcp_server

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend() -> InMemoryBackend:
    return InMemoryBackend()


@pytest.fixture
def server(backend: InMemoryBackend) -> Any:
    return fastmcp_server(FastMCPTasks(backend))._mcp_server


async def test_a_task_of_fastmcps_client(backend: InMemoryBackend) -> None:
    async with fastmcp.Client(fastmcp_server(FastMCPTasks(backend))) as client:
        result = await client.call_tool("greet", {"name": "Ada"})
    assert result.data == "Hello, Ada!"


async def test_progress_and_the_result(server: Any, log: Path) -> None:
    async with connected(server) as client:
        task_id = await begin(client, "slow_compute", seconds=0.2)
        task = await until(client, task_id, "completed")
        assert task.status_message == "half way"
        assert text_of(await TasksClient(client).wait(task_id)) == "the computation took 0.2 s"


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("confirm_delete", {"filename": "a.txt"}, "a.txt is deleted"),
        ("multi_input", {}, "accept, accept"),
        ("asks_by_result", {}, "1 answer"),
    ],
)
async def test_questions(server: Any, tool: str, arguments: dict[str, Any], text: str) -> None:
    async def answer(questions: dict[str, Any]) -> dict[str, Any]:
        answers = await say_yes(questions)
        for key, question in questions.items():
            if question["params"]["message"] == "Who?":
                answers[key]["content"] = {"name": "Ada"}
        return answers

    async with connected(server, answer) as client:
        assert text_of(await client.call_tool(tool, arguments)) == text


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("failing_job", {}, "there is nothing to be done"),
        ("crashes", {}, "Error calling tool 'crashes'"),
        ("slow_compute", {"seconds": "soon"}, "should be a valid number"),
    ],
)
async def test_errors(server: Any, tool: str, arguments: dict[str, Any], text: str) -> None:
    async with connected(server) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert text in text_of(result)
    assert "secret" not in text_of(result)


async def test_a_task_is_run_again_after_a_crash(backend: InMemoryBackend, log: Path) -> None:
    dead = FastMCPTasks(backend, resumable=["slow_compute"], lease_seconds=1e-9)
    async with connected(fastmcp_server(dead)._mcp_server) as client:
        task_id = await begin(client, "slow_compute", seconds=0)
    heir = FastMCPTasks(backend, resumable=["slow_compute"])
    async with connected(fastmcp_server(heir)._mcp_server) as client:
        assert (await until(client, task_id, "completed")).status == "completed"
    assert await until_logged(log, "slow_compute begins")
