"""How many requests to the storage a task costs, as docs/mcp.md says."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

pytest.importorskip("mcp")

from pmcp_storage.mcp import TasksClient, TasksExtension
from support.mcp_clients import begin, connected, say_yes
from support.mcp_jobs import jobs_server
from support.store_support import CountingBackend

pytestmark = pytest.mark.anyio


async def test_what_a_task_costs(backend: CountingBackend) -> None:
    async with connected(jobs_server(TasksExtension(backend))) as client:
        task_id = await begin(client, "slow", seconds=0)
        polls = await polls_until(client, task_id, "completed")
    assert backend.requests == {"create": 1, "get": polls, "put_if_version": 1}


async def test_what_questions_and_a_cancellation_cost(backend: CountingBackend) -> None:
    async with connected(jobs_server(TasksExtension(backend))) as client:
        task_id = await begin(client, "asks")
        polls = await polls_until(client, task_id, "input_required")
        assert backend.requests == {"create": 1, "get": polls, "put_if_version": 1}
        backend.requests.clear()
        asked = (await TasksClient(client).get(task_id)).questions
        await TasksClient(client).update(task_id, await say_yes(asked))
        polls = 1 + await polls_until(client, task_id, "input_required")
        await TasksClient(client).cancel(task_id)
    # The answer and the cancellation read and write; so does the second question but for the read.
    assert backend.requests == {"get": polls + 2, "put_if_version": 3}


async def test_what_a_ledger_and_a_quota_cost(backend: CountingBackend) -> None:
    tasks = TasksExtension(backend, ledger=True, owner=lambda: "ada")
    async with connected(jobs_server(tasks)) as client:
        task_id = await begin(client, "slow", seconds=0)
        polls = await polls_until(client, task_id, "completed")
        while not backend.requests["delete"]:
            await asyncio.sleep(0)
    ended = {"get": polls, "put_if_version": 1, "delete": 1}
    assert backend.requests == {"create": 2, "list_by_owner": 1, **ended}


async def test_of_much_progress_the_last_is_written(backend: CountingBackend) -> None:
    async with connected(jobs_server(TasksExtension(backend))) as client:
        begun = time.monotonic()
        task_id = await begin(client, "chatty", times=500)
        await polls_until(client, task_id, "completed")
        assert (await TasksClient(client).get(task_id)).status_message == "500/500"
    in_between = (time.monotonic() - begun) / 0.5
    assert backend.requests["put_if_version"] <= 2 + in_between


async def test_what_a_heartbeat_costs(backend: CountingBackend) -> None:
    async with connected(jobs_server(TasksExtension(backend, lease_seconds=3))) as client:
        await begin(client, "endless")
        while backend.requests["put_if_version"] < 3:
            await asyncio.sleep(0.01)
    assert backend.requests == {"create": 1, "put_if_version": 3}


async def polls_until(client: Any, task_id: str, status: str) -> int:
    """Poll until a task has that status; how often that was."""
    polls = 1
    while (await TasksClient(client).get(task_id)).status != status:
        polls += 1
    return polls
