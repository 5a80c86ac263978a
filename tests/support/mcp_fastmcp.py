"""A FastMCP server of jobs, and of the tools that the official suite's tasks scenarios call.

    python tests/support/mcp_fastmcp.py PORT

PMCP_STORAGE says where tasks are kept, as for `mcp_jobs`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import Any

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.utilities.tasks import TaskConfig
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, ElicitRequest, ElicitRequestFormParams, InputRequiredResult

from pmcp_storage.mcp import FastMCPTasks
from support.mcp_jobs import Confirm, log, storage

REQUIRED = TaskConfig(mode="required")


@dataclass
class Name:
    name: str


@dataclass
class Sure:
    confirm: bool


def fastmcp_server(tasks: FastMCPTasks) -> FastMCP[Any]:
    server = FastMCP("jobs")
    server.add_extension(tasks)
    for add in (_add_plain_tools, _add_failing_tools, _add_asking_tools):
        add(server)
    return server


def _add_plain_tools(server: FastMCP[Any]) -> None:
    @server.tool
    def greet(name: str) -> str:
        return f"Hello, {name}!"

    @server.tool(task=True)
    async def slow_compute(seconds: float, ctx: Context, label: str = "") -> str:
        log("slow_compute begins")
        await ctx.report_progress(1, 2, "half way")
        await asyncio.sleep(seconds)
        return f"{label or 'the computation'} took {seconds} s"


def _add_failing_tools(server: FastMCP[Any]) -> None:
    @server.tool(task=REQUIRED)
    async def failing_job() -> str:
        await asyncio.sleep(1)
        raise ToolError("there is nothing to be done")

    @server.tool(task=True)
    async def protocol_error_job() -> str:
        raise MCPError(INTERNAL_ERROR, "the upstream is gone")

    @server.tool(task=True)
    async def crashes() -> str:
        raise KeyError("secret detail")


def _add_asking_tools(server: FastMCP[Any]) -> None:
    @server.tool(task=True)
    async def confirm_delete(filename: str, ctx: Context) -> str:
        answer = await ctx.elicit(f"Delete {filename}?", Sure)
        is_meant = answer.action == "accept" and answer.data.confirm
        return f"{filename} is {'deleted' if is_meant else 'kept'}"

    @server.tool(task=True)
    async def multi_input(ctx: Context) -> str:
        name, sure = await asyncio.gather(ctx.elicit("Who?", Name), ctx.elicit("Sure?", Sure))
        return f"{name.action}, {sure.action}"

    @server.tool(task=True)
    async def asks_by_result(ctx: Context) -> str | InputRequiredResult:
        if ctx.input_responses is None:
            form = ElicitRequestFormParams(
                message="Go on?", requested_schema=Confirm.model_json_schema()
            )
            return InputRequiredResult(input_requests={"go": ElicitRequest(params=form)})
        return f"{len(ctx.input_responses)} answer"


def main() -> None:
    tasks = FastMCPTasks(storage(os.environ["PMCP_STORAGE"]), resumable=["slow_compute"])
    fastmcp_server(tasks).run(transport="http", port=int(sys.argv[1]), show_banner=False)


if __name__ == "__main__":
    main()
