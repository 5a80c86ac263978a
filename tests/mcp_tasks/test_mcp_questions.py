"""What a tool asks while it runs as a task, and what comes of the answers.

The sentences that tests quote are those of the extension's specification (SEP-2663).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from pmcp_storage.mcp import TasksClient
from support.mcp_clients import begin, connected, say_yes, text_of, until, until_logged

pytestmark = pytest.mark.anyio


async def test_questions_are_asked_once_each(server: Any, log: Path) -> None:
    asked: list[str] = []

    async def answer(questions: dict[str, Any]) -> dict[str, Any]:
        asked.extend(question["params"]["message"] for question in questions.values())
        return await say_yes(questions)

    async with connected(server, answer) as client:
        result = await client.call_tool("asks")
    assert text_of(result).startswith("True True by")
    assert asked == ["First?", "Second?"]
    assert len(await until_logged(log, "asks begins", 3)) == 3  # entered again with each answer


async def test_no_tool_runs_while_a_human_thinks(server: Any, tasks: Any, log: Path) -> None:
    async with connected(server) as client:
        task = await until(client, await begin(client, "asks"), "input_required")
        running = [it.get_name() for it in asyncio.all_tasks() if task.task_id in it.get_name()]
        assert running == []
        assert [it["method"] for it in task.questions.values()] == ["elicitation/create"]


async def test_all_questions_are_outstanding_at_once_and_some_may_be_answered(server: Any) -> None:
    """The inputRequests field MUST contain all outstanding requests …"""
    async with connected(server) as client:
        tasks = TasksClient(client)
        task_id = await begin(client, "asks_together")
        task = await until(client, task_id, "input_required")
        one, other = task.questions
        await tasks.update(task_id, {one: (await say_yes(task.questions))[one], "made up": {}})
        task = await tasks.get(task_id)
        assert (task.status, list(task.questions)) == ("input_required", [other])
        await tasks.update(task_id, {one: {"action": "decline"}, other: {"action": "decline"}})
        assert text_of(await tasks.wait(task_id)) == "True False"  # the first answer counts


async def test_a_tool_may_return_its_questions(server: Any) -> None:
    """A server MUST NOT reuse a key for a subsequent request …"""
    keys: list[str] = []

    async def answer(questions: dict[str, Any]) -> dict[str, Any]:
        keys.extend(questions)
        return await say_yes(questions)

    async with connected(server, answer) as client:
        result = await client.call_tool("asks_by_result")
    assert result.structured_content == {"answers": 1}
    assert len(keys) == len(set(keys)) == 2


async def test_an_answer_that_does_not_fit_the_question_is_the_tools_error(server: Any) -> None:
    async def answer(questions: dict[str, Any]) -> dict[str, Any]:
        return {key: {"action": "accept", "content": {"confirm": "perhaps"}} for key in questions}

    async with connected(server, answer) as client:
        assert (await client.call_tool("asks")).is_error
