"""A server with the tools that the official conformance suite's tasks scenarios call.

    python tests/support/mcp_official.py PORT [FAULT]

PMCP_STORAGE says where tasks are kept, as for `mcp_jobs`. A FAULT is one of `FAULTS`, which the
suite must find.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from typing import Annotated, Any
from unittest.mock import patch

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, CallToolResult
from pydantic import BaseModel

from pmcp_storage.mcp import TasksExtension, extension, runs, wire
from pmcp_storage.records import TaskRecord
from pmcp_storage.store.change import TaskChange
from support.mcp_jobs import Confirm, storage


class Name(BaseModel):
    name: str


async def ask_name() -> Elicit[Name]:
    return Elicit("Who are you?", Name)


def add_tools(server: MCPServer[Any], tasks: TasksExtension) -> None:
    @server.tool()
    def greet(name: str) -> str:
        return f"Hello, {name}!"

    @server.tool()
    @tasks.task()
    async def slow_compute(seconds: int, label: str = "") -> str:
        await asyncio.sleep(seconds)
        return f"{label or 'the computation'} took {seconds} s"

    @server.tool()
    @tasks.task(required=True)
    async def failing_job() -> str:
        await asyncio.sleep(1)
        raise ToolError("there is nothing to be done")

    @server.tool()
    @tasks.task()
    async def protocol_error_job() -> str:
        raise MCPError(INTERNAL_ERROR, "the upstream is gone")

    _add_asking_tools(server, tasks)


def _add_asking_tools(server: MCPServer[Any], tasks: TasksExtension) -> None:
    @server.tool()
    @tasks.task()
    async def confirm_delete(filename: str, ctx: Context) -> str:
        answer = await ctx.elicit(f"Delete {filename}?", Confirm)
        is_meant = isinstance(answer, AcceptedElicitation) and answer.data.confirm
        return f"{filename} is {'deleted' if is_meant else 'kept'}"

    @server.tool()
    @tasks.task()
    async def multi_input(ctx: Context) -> str:
        name, sure = await asyncio.gather(ctx.elicit("Who?", Name), ctx.elicit("Sure?", Confirm))
        return f"{name.action}, {sure.action}"

    @server.tool()
    @tasks.task(required=True)
    async def test_tool_with_task(user: Annotated[Name, Resolve(ask_name)]) -> str:
        await asyncio.sleep(0.3)
        return f"Hello, {user.name}!"


def _errors_fail_the_task() -> None:
    """A result that is an error is taken for a failed request."""
    completed = runs.Run._completed

    def failed(run: runs.Run, result: CallToolResult) -> TaskChange:
        return runs.failure(INTERNAL_ERROR, "error") if result.is_error else completed(run, result)

    patch.object(runs.Run, "_completed", failed).start()


def _announces_what_is_not_there() -> None:
    """The task is announced before it is stored."""
    create = TasksExtension._create

    async def lost(tasks: TasksExtension, *arguments: Any) -> Any:
        found = await create(tasks, *arguments)
        await tasks.store.delete(found.record.owner_id, found.record.task_id)
        return found

    patch.object(TasksExtension, "_create", lost).start()


def _forgets_answers() -> None:
    """A tool that is entered again finds no answers, and asks the same once more."""
    answered = extension._answered

    def forgetful(record: TaskRecord, responses: dict[str, Any], lease: Any) -> TaskChange | None:
        change = answered(record, responses, lease)
        if change is None:
            return None
        return replace(change, variables={**change.variables, wire.ANSWERS: None})

    patch.object(extension, "_answered", forgetful).start()


FAULTS = {
    "errors-fail": _errors_fail_the_task,
    "too-early": _announces_what_is_not_there,
    "forgetful": _forgets_answers,
}


def main() -> None:
    for fault in sys.argv[2:]:
        FAULTS[fault]()
    tasks = TasksExtension(storage(os.environ["PMCP_STORAGE"]))
    server: MCPServer[Any] = MCPServer("official", extensions=[tasks], lifespan=tasks.lifespan)
    add_tools(server, tasks)
    server.run("streamable-http", port=int(sys.argv[1]))


if __name__ == "__main__":
    main()
