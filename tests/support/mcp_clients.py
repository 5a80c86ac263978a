"""Clients of the jobs' server, in this process or over HTTP, and what they wait for."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from pmcp_storage.mcp import TasksCapability, TasksClient, TaskState
from support.servers import Server

JOBS = Path(__file__).with_name("mcp_jobs.py")

_WITHIN = 60.0


class JobsServer(Server):
    """A process of the jobs' server, over HTTP; `settings` are environment variables."""

    def __init__(self, storage: str, **settings: object) -> None:
        variables = {"PMCP_STORAGE": storage, **{key: str(it) for key, it in settings.items()}}
        assignments = [f"{key}={value}" for key, value in variables.items()]
        command = ["env", *assignments, sys.executable, str(JOBS), "http"]
        super().__init__(lambda port: [*command, str(port)])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal, and wait for the process to end."""
        os.kill(self.pid, number)
        self._process.wait(_WITHIN)


@asynccontextmanager
async def connected(
    server: Any, answer: Any = None, *, token: str = "", declared: bool = True
) -> AsyncIterator[Client]:
    """A client of a server in this process, or at a URL, that has declared the extension or not."""
    extensions = [TasksCapability(answer)] if declared else []
    if not isinstance(server, str):
        async with Client(server, extensions=extensions) as client:
            yield client
        return
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(server, http_client=http)
        async with Client(transport, extensions=extensions) as client:
            yield client


async def begin(client: Client, name: str, **arguments: Any) -> str:
    """Call a tool that runs as a task; the task's id."""
    task = await TasksClient(client).start(name, arguments)
    assert isinstance(task, TaskState), task
    return task.task_id


async def until(client: Client, task_id: str, *statuses: str) -> TaskState:
    """Poll a task until it has one of these statuses."""
    deadline = time.monotonic() + _WITHIN
    while (task := await TasksClient(client).get(task_id)).status not in statuses:
        assert time.monotonic() < deadline, task
        await asyncio.sleep(0.02)
    return task


async def until_logged(log: Path, text: str, times: int = 1) -> list[str]:
    """Wait until jobs have written a line so often; the numbers of their processes."""
    deadline = time.monotonic() + _WITHIN
    while len(found := logged(log, text)) < times:
        assert time.monotonic() < deadline, log.read_text()
        await asyncio.sleep(0.02)
    return found


def logged(log: Path, text: str) -> list[str]:
    lines = log.read_text().splitlines()
    return [line.split()[0] for line in lines if line.endswith(text)]


async def say_yes(questions: dict[str, Any]) -> dict[str, Any]:
    """Answer every question with yes."""
    return {key: {"action": "accept", "content": {"confirm": True}} for key in questions}


def text_of(result: CallToolResult) -> str:
    return str(getattr(result.content[0], "text", ""))
