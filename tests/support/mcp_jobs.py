"""An MCP server whose tools are slow jobs of all kinds, to be run in processes of its own.

    python tests/support/mcp_jobs.py http PORT | stdio

PMCP_STORAGE says where tasks are kept: sqlite:PATH, redis://… or dynamodb:TABLE. What the jobs do,
they write to the file that PMCP_LOG names, a line each after the number of their process.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import AcceptedElicitation, Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from pydantic import AnyHttpUrl, BaseModel

from pmcp_storage import DynamoDbBackend, RedisBackend, SqliteBackend, StorageBackend
from pmcp_storage.mcp import TasksExtension


class Confirm(BaseModel):
    confirm: bool


class Total(BaseModel):
    total: int


def log(text: str) -> None:
    with Path(os.environ.get("PMCP_LOG", os.devnull)).open("a") as file:
        file.write(f"{os.getpid()} {text}\n")


def jobs_server(tasks: TasksExtension, **options: Any) -> MCPServer[Any]:
    """A server with the jobs as its tools."""
    server: MCPServer[Any] = MCPServer("jobs", extensions=[tasks], **options)
    for add in (_add_plain_jobs, _add_failing_jobs, _add_asking_jobs, _add_long_jobs):
        add(server, tasks)
    return server


def _add_plain_jobs(server: MCPServer[Any], tasks: TasksExtension) -> None:
    @server.tool()
    def greet(name: str) -> str:
        return f"Hello, {name}!"

    @server.tool()
    @tasks.task()
    async def slow(seconds: float) -> Total:
        log("slow begins")
        await asyncio.sleep(seconds)
        log("slow ends")
        return Total(total=42)

    @server.tool()
    @tasks.task(resumable=True)
    async def again(seconds: float, ctx: Context) -> str:
        log("again begins")
        await ctx.report_progress(1, 2, "half way")
        await asyncio.sleep(seconds)
        log("again ends")
        return f"done by {os.getpid()}"

    @server.tool()
    @tasks.task(required=True)
    def threaded() -> str:
        time.sleep(0.05)
        return "from a thread"

    @server.tool()
    @tasks.task()
    async def big(size: int) -> str:
        return "x" * size

    @server.tool()
    @tasks.task()
    async def length(text: str, nested: list[Any]) -> int:
        return len(text)


def _add_failing_jobs(server: MCPServer[Any], tasks: TasksExtension) -> None:
    @server.tool()
    @tasks.task()
    async def refuses() -> str:
        raise ToolError("no such year")

    @server.tool()
    @tasks.task()
    async def breaks_protocol() -> str:
        raise MCPError(-32050, "the upstream is gone", {"retry": False})

    @server.tool()
    @tasks.task()
    async def crashes() -> str:
        raise KeyError("secret detail")


def _add_asking_jobs(server: MCPServer[Any], tasks: TasksExtension) -> None:
    @server.tool()
    @tasks.task()
    async def asks(ctx: Context) -> str:
        log("asks begins")
        first = await ctx.elicit("First?", Confirm)
        log("first answered")
        second = await ctx.elicit("Second?", Confirm)
        return f"{_is_yes(first)} {_is_yes(second)} by {os.getpid()}"

    @server.tool()
    @tasks.task()
    async def asks_together(ctx: Context) -> str:
        answers = await asyncio.gather(*(ctx.elicit(f"{it}?", Confirm) for it in ("One", "Other")))
        return " ".join(str(_is_yes(answer)) for answer in answers)

    @server.tool()
    @tasks.task()
    async def asks_by_result(ctx: Context) -> CallToolResult | InputRequiredResult:
        rounds = int(ctx.request_state or 0)
        if rounds < 2:
            form = ElicitRequestFormParams(
                message=f"Round {rounds}?", requested_schema=Confirm.model_json_schema()
            )
            question = ElicitRequest(params=form)
            return InputRequiredResult(
                input_requests={"go on": question}, request_state=str(rounds + 1)
            )
        answers = len(ctx.input_responses or {})
        return CallToolResult(content=[], structured_content={"answers": answers})


def _add_long_jobs(server: MCPServer[Any], tasks: TasksExtension) -> None:
    @server.tool()
    @tasks.task()
    async def chatty(times: int, ctx: Context) -> str:
        for number in range(1, times + 1):
            await ctx.report_progress(number, times)
            await asyncio.sleep(0)
        return "done"

    @server.tool()
    @tasks.task(ttl_ms=1500)
    async def short_lived() -> str:
        return await _until_cancelled("short_lived")

    @server.tool()
    @tasks.task()
    async def endless() -> str:
        return await _until_cancelled("endless")


async def _until_cancelled(name: str) -> str:
    log(f"{name} begins")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        log(f"{name} stopped")
        raise
    return ""


def _is_yes(answer: Any) -> bool:
    return isinstance(answer, AcceptedElicitation) and answer.data.confirm


def storage(place: str) -> StorageBackend:
    kind, _, rest = place.partition(":")
    if kind == "sqlite":
        return SqliteBackend(rest)
    if kind == "dynamodb":
        return DynamoDbBackend.from_env(rest)
    return RedisBackend.from_url(place)


class _Tokens:
    """Accepts "user-NAME"."""

    async def verify_token(self, token: str) -> AccessToken | None:
        if not token.startswith("user-"):
            return None
        name = token.removeprefix("user-")
        return AccessToken(
            token=token, client_id="app", scopes=[], subject=name, claims={"iss": "https://issuer"}
        )


def main() -> None:
    lease = float(os.environ.get("PMCP_LEASE", "30"))
    ledger = "PMCP_LEDGER" in os.environ
    tasks = TasksExtension(storage(os.environ["PMCP_STORAGE"]), lease_seconds=lease, ledger=ledger)
    options: dict[str, Any] = {"lifespan": tasks.lifespan}
    if "PMCP_AUTH" in os.environ:
        url = AnyHttpUrl("http://127.0.0.1")
        options["token_verifier"] = _Tokens()
        options["auth"] = AuthSettings(issuer_url=url, resource_server_url=url)
    server = jobs_server(tasks, **options)
    if sys.argv[1] == "http":
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        server.run("stdio")


if __name__ == "__main__":
    main()
