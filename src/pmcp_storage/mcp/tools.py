"""Tools of an MCPServer that run as tasks: the only place that knows how the SDK calls a tool.

`Tool.from_function`, `Tool.run` and some private attributes of `Context` are not quite public, so
all contact with them is here; a test pins what is expected of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    InputResponses,
    TextContent,
)
from pydantic import TypeAdapter

from pmcp_storage.mcp import wire
from pmcp_storage.mcp.context import TaskContext
from pmcp_storage.mcp.leases import LeaseLostError
from pmcp_storage.mcp.questions import Questions

logger = logging.getLogger("pmcp_storage.mcp")

ToolResult = CallToolResult | InputRequiredResult

_RESPONSES: TypeAdapter[InputResponses] = TypeAdapter(InputResponses)


class RunnableTool(Protocol):
    """What is asked of a tool: to be run with its arguments, and to say what came of it."""

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> Any: ...


@dataclass(frozen=True)
class TaskTool:
    """A tool that runs as a task, and how."""

    tool: RunnableTool
    required: bool = False
    resumable: bool = False
    ttl_ms: int | None = None


@dataclass(frozen=True)
class Surroundings:
    """What a run knows of the server and of the request that it comes from, as far as there are."""

    request: Any = None
    server: MCPServer[Any] | None = None
    subscriptions: Any = None

    @classmethod
    def of(cls, context: Context[Any, Any] | None, request: Any) -> Surroundings:
        """Those of a tool that has been called just now."""
        if context is None:
            return cls(request)
        return cls(request, context._mcp_server, context._subscriptions)


def tool_of(fn: Callable[..., Any], name: str | None) -> Tool:
    """The tool that MCPServer makes of a function."""
    return Tool.from_function(fn, name=name)


async def call_tool(
    tool: RunnableTool,
    variables: dict[str, Any],
    questions: Questions,
    note: Callable[[str], None],
    around: Surroundings,
) -> ToolResult:
    """Call a tool as its task's variables say; what MCPServer would answer.

    Raises MCPError where MCPServer would answer with a protocol error.
    """
    params = _params(variables, questions)
    context = TaskContext(
        questions,
        note,
        logger,
        request_context=around.request,
        mcp_server=around.server,
        input_params=params,
        subscriptions=around.subscriptions,
    )
    try:
        result: ToolResult = await tool.run(params.arguments or {}, context, convert_result=True)
    except (MCPError, LeaseLostError):
        raise
    except Exception as error:
        if not isinstance(error, ToolError) or isinstance(error, UnexpectedToolError):
            logger.exception("tool %r raised an unexpected exception", params.name)
        text = TextContent(type="text", text=str(error))
        return CallToolResult(content=[text], is_error=True)
    return result


def _params(variables: dict[str, Any], questions: Questions) -> CallToolRequestParams:
    """The params of the call, with the answers to what the tool's InputRequiredResult asked."""
    params = CallToolRequestParams.model_validate(variables[wire.CALL], by_name=False)
    last = variables.get(wire.ROUND)
    if last is None:
        return params
    answers = variables.get(wire.ANSWERS, {})
    given = {name: answers[key] for name, key in last["keys"].items()}
    responses = _RESPONSES.validate_python(given, by_name=False)
    state = last.get("state")
    return params.model_copy(update={"input_responses": responses, "request_state": state})
