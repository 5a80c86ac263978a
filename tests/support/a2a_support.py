"""What the tests of A2A's task stores share: callers, tasks, and an agent that can be held."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from a2a.auth.user import User
from a2a.helpers import new_task, new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.cluster import VersionedDatabaseTaskStore, VersionedTaskStore
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import TaskStore, TaskUpdater
from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    Task,
    TaskState,
)
from sqlalchemy.ext.asyncio import create_async_engine

P = ParamSpec("P")

SUBMITTED = TaskState.TASK_STATE_SUBMITTED
WORKING = TaskState.TASK_STATE_WORKING
COMPLETED = TaskState.TASK_STATE_COMPLETED
CANCELED = TaskState.TASK_STATE_CANCELED


def in_event_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """The test, run to its end in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class NamedUser(User):
    """An authenticated user."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def user_name(self) -> str:
        return self.name


def caller(name: str) -> ServerCallContext:
    """The context of a request of that user."""
    return ServerCallContext(user=NamedUser(name))


def make_task(task_id: str = "t", state: TaskState = WORKING, context_id: str = "c") -> Task:
    """A task without a time, history or artifacts."""
    return new_task(task_id, context_id, state)


@asynccontextmanager
async def sdk_store(folder: Path) -> AsyncIterator[VersionedTaskStore]:
    """The versioned store of the SDK itself, on SQLite."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'sdk.db'}")
    try:
        yield VersionedDatabaseTaskStore(engine)
    finally:
        await engine.dispose()


class HeldAgent(AgentExecutor):
    """Begins to work on a task, and completes it when it is released."""

    def __init__(self) -> None:
        self._released: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.runs = 0

    def release(self, task_id: str) -> None:
        """Let the task be completed."""
        self._released[task_id].set()

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.runs += 1
        task_id, context_id = str(context.task_id), str(context.context_id)
        await event_queue.enqueue_event(new_task(task_id, context_id, SUBMITTED))
        await self._released[task_id].wait()
        await TaskUpdater(event_queue, task_id, context_id).complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, str(context.task_id), str(context.context_id)).cancel()


def agent_card(url: str = "http://127.0.0.1/") -> AgentCard:
    """The card of an agent that streams, over JSON-RPC at that address."""
    return AgentCard(
        name="agent",
        description="An agent.",
        version="1",
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version="1.0")
        ],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text"],
        default_output_modes=["text"],
        skills=[AgentSkill(id="s", name="s", description="A skill.", tags=["t"])],
    )


def make_handler(
    agent: AgentExecutor, store: TaskStore | VersionedTaskStore, card: AgentCard | None = None
) -> DefaultRequestHandler:
    """One replica of an agent."""
    return DefaultRequestHandler(
        agent_executor=agent, task_store=store, agent_card=card or agent_card()
    )


def message(text: str = "hello") -> SendMessageRequest:
    """A message that begins a task, whose sender does not wait for its end."""
    return SendMessageRequest(
        message=new_text_message(text, role=Role.ROLE_USER),
        configuration=SendMessageConfiguration(return_immediately=True),
    )
