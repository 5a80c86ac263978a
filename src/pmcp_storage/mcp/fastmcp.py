"""The same tasks for FastMCP servers, whose tools are marked as FastMCP marks them.

    mcp = FastMCP("reports")
    mcp.add_extension(FastMCPTasks(SqliteBackend("tasks.db")))

    @mcp.tool(task=True)
    async def report(year: int, ctx: Context) -> str: ...

Needs fastmcp 4.1 or newer, and neither Docket nor Redis. Everything but the calling of a tool is
`extension`'s. FastMCP validates arguments when it calls the tool, so bad ones end in a task with an
error for its result.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.server.context import Context
from fastmcp.server.elicitation import handle_elicit_accept, parse_elicit_response_type
from fastmcp.server.extensions import MethodBinding, ServerExtension
from fastmcp.tools.base import InputRequiredToolResult, Tool
from mcp.server.elicitation import CancelledElicitation, DeclinedElicitation
from mcp.server.mcpserver import require_client_extension
from mcp.server.mcpserver.exceptions import ToolError as AnticipatedError
from mcp.server.mcpserver.exceptions import UnexpectedToolError
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolRequestParams, CallToolResult, InputRequiredResult
from pydantic import BaseModel, ConfigDict

from pmcp_storage.mcp import wire
from pmcp_storage.mcp.context import TaskContext
from pmcp_storage.mcp.extension import Storage, TasksExtension, has_declared
from pmcp_storage.mcp.tools import Surroundings, TaskTool
from pmcp_storage.store.validation import accept_ttl


class FastMCPTasks(ServerExtension):
    """Keeps the tasks of a FastMCP server's `task=True` tools in a storage.

    `storage` and the other `options` are those of TasksExtension. `resumable` names the tools that
    may be called again after a crash; `ttl_ms` is for the tasks of all tools. With `required`
    (`TaskConfig(mode="required")`) a client without the extension gets an error.
    """

    identifier = wire.EXTENSION_ID

    def __init__(
        self,
        storage: Storage,
        *,
        resumable: Collection[str] = (),
        ttl_ms: int | None = None,
        **options: Any,
    ) -> None:
        self.tasks = TasksExtension(storage, **options)
        """The extension that does the work, with its `run` and `recover`."""
        self._resumable = frozenset(resumable)
        accept_ttl(ttl_ms, self.tasks.store.config)
        self._ttl_ms = ttl_ms

    def methods(self) -> Sequence[MethodBinding]:
        """tasks/get, tasks/update and tasks/cancel."""
        return [
            MethodBinding(it.method, it.params_type, it.handler, it.protocol_versions)
            for it in self.tasks.methods()
        ]

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Enters the tools that run as tasks, and hands those of a stopped server over."""
        return self._lifespan()

    @asynccontextmanager
    async def _lifespan(self) -> AsyncIterator[None]:
        for tool in await self.server.list_tools(run_middleware=False):
            self._enter(tool)
        async with self.tasks.lifespan():
            yield

    async def intercept_tool_call(
        self, params: CallToolRequestParams, context: Context, call_next: Any
    ) -> Any:
        """Answer the call of a task tool with a task, if the client has declared the extension."""
        tool, request = await self.server.get_tool(params.name), _sdk_context(context)
        entered = None if tool is None or request is None else self._enter(tool)
        if entered is None:
            return await call_next()
        if entered.required:
            require_client_extension(request, wire.EXTENSION_ID)
        if not has_declared(request):
            return await call_next()
        created = await self.tasks.begin(entered, params, Surroundings(request))
        return _Created.model_validate(created)

    def _enter(self, tool: Tool) -> TaskTool | None:
        """Have tasks of this tool run; None if it does not run as a task."""
        if not tool.task_config.supports_tasks():
            return None
        required = tool.task_config.mode == "required"
        resumable = tool.name in self._resumable
        entered = TaskTool(_Bridge(tool, self.server), required, resumable, self._ttl_ms)
        self.tasks.task_tools[tool.name] = entered
        return entered


class _Created(BaseModel):
    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class _Bridge:
    """FastMCP's tool, called as an MCPServer's."""

    tool: Tool
    server: FastMCP[Any]

    async def run(
        self, arguments: dict[str, Any], context: Any, convert_result: bool = False
    ) -> CallToolResult | InputRequiredResult:
        try:
            async with _Context(self.server, context):
                result = await self.tool._run(arguments)
        except MCPError:
            raise
        except (ToolError, ValidationError) as error:
            raise AnticipatedError(str(error)) from error
        except Exception as error:
            raise UnexpectedToolError(f"Error calling tool {self.tool.name!r}") from error
        if isinstance(result, InputRequiredToolResult):
            return result.input_required
        return CallToolResult(
            content=result.content,
            structured_content=result.structured_content,
            is_error=result.is_error,
            _meta=result.meta,
        )


class _Context(Context):
    """A Context of FastMCP's that does what one of MCPServer's does in a task."""

    def __init__(self, server: FastMCP[Any], inner: TaskContext) -> None:
        super().__init__(server, task_id="background")
        self._inner = inner

    @property
    def input_responses(self) -> Any:
        """The answers to what the tool has returned before."""
        return self._inner.input_responses

    @property
    def request_state(self) -> str | None:
        """What the tool has returned with its questions."""
        return self._inner.request_state

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Make this the task's status message."""
        await self._inner.report_progress(progress, total, message)

    async def elicit(
        self,
        message: str,
        response_type: Any,
        *,
        response_title: str | None = None,
        response_description: str | None = None,
    ) -> Any:
        """Ask the client; the tool ends here, and is entered again when there is an answer."""
        config = parse_elicit_response_type(
            response_type,
            response_title=response_title,
            response_description=response_description,
        )
        answer = await self._inner.questions.elicit_form(
            message=message, requested_schema=config.schema
        )
        match answer.action:
            case "accept":
                return handle_elicit_accept(config, answer.content)
            case "decline":
                return DeclinedElicitation()
            case _:
                return CancelledElicitation()


def _sdk_context(context: Context) -> Any:
    """The SDK's context of the request; None outside of one."""
    request = context.request_context
    return None if request is None else request._srctx
