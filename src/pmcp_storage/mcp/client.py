"""Callers of tools that run as tasks: `TasksClient`, over the SDK's client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import anyio
from mcp.client import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict, Field

from pmcp_storage.mcp.wire import EXTENSION_ID

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Gets questions by key, each a request as the server would send it ({"method", "params"}), and
returns answers by key, such as {"action": "accept", "content": {…}}. Each is asked once; one that
it leaves out is asked again at the next poll."""

_POLL_MS = 1000
"""Milliseconds between polls where the server suggests none."""


class TaskCancelledError(MCPError):
    """The task was cancelled."""

    def __init__(self, task_id: str) -> None:
        super().__init__(INTERNAL_ERROR, f"task {task_id!r} was cancelled")
        self.task_id = task_id


class TaskState(Result):
    """A task as its server sees it."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    task_id: str = Field(alias="taskId")
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    status_message: str | None = Field(default=None, alias="statusMessage")
    poll_interval_ms: int | None = Field(default=None, alias="pollIntervalMs")
    questions: dict[str, Any] = Field(default_factory=dict, alias="inputRequests")
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class _CreatedTask(Result):
    model_config = ConfigDict(extra="allow")
    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")
    status: str


class _Params(RequestParams):
    task_id: str = Field(alias="taskId")
    input_responses: dict[str, Any] | None = Field(default=None, alias="inputResponses")


class _Get(Request[_Params, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class _Update(Request[_Params, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    name_param = "taskId"


class _Cancel(Request[_Params, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"


class TasksCapability(ClientExtension):
    """Declares that a client can handle tasks: `Client(url, extensions=[TasksCapability()])`.

    `Client.call_tool` then polls a tool that runs as a task to its end; `answer` answers what it
    asks on the way. For more than that there is TasksClient.
    """

    identifier = EXTENSION_ID

    def __init__(self, answer: Answer | None = None) -> None:
        self._answer = answer

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """The CreateTaskResult, which is polled to the end of its task."""
        return [ResultClaim(result_type="task", model=_CreatedTask, resolve=self._resolve)]

    async def _resolve(self, created: _CreatedTask, context: ClaimContext) -> CallToolResult:
        return await _result_of(context.session, created.task_id, self._answer)


class TasksClient:
    """Calls tools that run as tasks, through a client that was made with a TasksCapability.

        async with Client(url, extensions=[TasksCapability()]) as client:
            tasks = TasksClient(client, answer)
            task = await tasks.start("report", {"year": 2026})

    A task's id is all that is needed to go on after a restart, by `wait`, with the same access
    token if there is one. Every method raises MCPError as the server answers it.
    """

    def __init__(self, client: Client, answer: Answer | None = None) -> None:
        self._client = client
        self._answer = answer

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> CallToolResult:
        """Call a tool, and poll to its end if it runs as a task.

        Raises TaskCancelledError, and MCPError for a task that failed.
        """
        started = await self.start(name, arguments)
        if isinstance(started, CallToolResult):
            return started
        return await self.wait(started.task_id)

    async def start(
        self, name: str, arguments: dict[str, Any] | None = None
    ) -> TaskState | CallToolResult:
        """Call a tool and return at once: its task, or its result if it does not run as one."""
        session = self._client.session
        answer = await session.call_tool(name, arguments, allow_claimed=True)
        if isinstance(answer, CallToolResult):
            return answer
        return TaskState.model_validate(answer.model_dump(by_alias=True), by_name=False)

    async def get(self, task_id: str) -> TaskState:
        """The task as it is now."""
        return await _get(self._client.session, task_id)

    async def wait(self, task_id: str) -> CallToolResult:
        """Poll a task to its end, and answer what it asks; its result.

        Raises TaskCancelledError, and MCPError for a task that failed.
        """
        return await _result_of(self._client.session, task_id, self._answer)

    async def update(self, task_id: str, answers: dict[str, Any]) -> None:
        """Answer some of what the task asks, by key."""
        await _update(self._client.session, task_id, answers)

    async def cancel(self, task_id: str) -> None:
        """Ask for the task to be cancelled; it may end otherwise."""
        await self._client.session.send_request(_Cancel(params=_Params(taskId=task_id)), Result)


async def _get(session: ClientSession, task_id: str) -> TaskState:
    return await session.send_request(_Get(params=_Params(taskId=task_id)), TaskState)


async def _update(session: ClientSession, task_id: str, answers: dict[str, Any]) -> None:
    params = _Params(taskId=task_id, inputResponses=answers)
    await session.send_request(_Update(params=params), Result)


async def _result_of(session: ClientSession, task_id: str, answer: Answer | None) -> CallToolResult:
    answered = set[str]()
    while True:
        task = await _get(session, task_id)
        match task.status:
            case "completed":
                return CallToolResult.model_validate(task.result, by_name=False)
            case "failed":
                raise MCPError(**(task.error or {"code": INTERNAL_ERROR, "message": "failed"}))
            case "cancelled":
                raise TaskCancelledError(task_id)
        await _answer_new(session, task, answer, answered)
        await anyio.sleep((task.poll_interval_ms or _POLL_MS) / 1000)


async def _answer_new(
    session: ClientSession, task: TaskState, answer: Answer | None, answered: set[str]
) -> None:
    """Have the questions answered that have not been."""
    new = {key: asked for key, asked in task.questions.items() if key not in answered}
    if not new or answer is None:
        return
    answers = await answer(new)
    await _update(session, task.task_id, answers)
    answered |= answers.keys()
