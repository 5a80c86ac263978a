"""Which tools run as tasks, and when one that a client has called does.

MCPServer validates the arguments of a call and resolves what the tool depends on before it calls
the function: so bad arguments create no task, and what is asked there is asked at once. The
function that it calls is a stub, which tells the extension that it has come so far.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

from pmcp_storage.mcp.tools import TaskTool, tool_of

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class TaskBeginsError(MCPError):
    """The call of a tool has come so far that its task begins."""

    def __init__(self, context: Context[Any, Any] | None) -> None:
        super().__init__(code=INTERNAL_ERROR, message="a task was about to begin")
        self.context = context


_called: ContextVar[str | None] = ContextVar("pmcp_storage_mcp_called", default=None)
"""The tool that a client has called and gets a task for."""


class TaskTools(dict[str, TaskTool]):
    """The tools that run as tasks, by name."""

    def mark(
        self, name: str | None, required: bool, resumable: bool, ttl_ms: int | None
    ) -> Callable[[F], F]:
        """A decorator that enters a tool and makes it a stub."""

        def enter(fn: F) -> F:
            tool = tool_of(fn, name)
            if tool.name in self:
                raise ValueError(f"there is a task tool named {tool.name!r} already")
            self[tool.name] = TaskTool(tool, required, resumable, ttl_ms)
            return _stub(fn, tool)

        return enter


async def until_task_begins(name: str | None, call: Callable[[], Awaitable[T]]) -> T:
    """Make a call; TaskBeginsError comes instead of a result if it calls the tool of that name."""
    token = _called.set(name)
    try:
        return await call()
    finally:
        _called.reset(token)


def _stub(fn: F, tool: Tool) -> F:
    @functools.wraps(fn)
    async def stub(*args: Any, **kwargs: Any) -> Any:
        if _called.get() == tool.name:
            _called.set(None)  # what the tool calls is no request of a client's
            raise TaskBeginsError(
                next((value for value in kwargs.values() if isinstance(value, Context)), None)
            )
        if tool.is_async:
            return await fn(*args, **kwargs)
        return await anyio.to_thread.run_sync(functools.partial(fn, *args, **kwargs))

    return stub  # type: ignore[return-value]
