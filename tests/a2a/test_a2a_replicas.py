"""Two replicas of an agent over one storage: the SDK's request handlers, in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("a2a.server", reason="a2a-sdk is not installed")

from a2a.helpers import new_task, new_text_part
from a2a.server.agent_execution import RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import TaskUpdater
from a2a.types.a2a_pb2 import CancelTaskRequest, GetTaskRequest, ListTasksRequest, Task, TaskState
from a2a.utils.errors import InternalError, InvalidRequestError, TaskNotFoundError

from pmcp_storage import (
    AsyncStorageBackend,
    InMemoryBackend,
    RecordTooLargeError,
    StorageBackend,
    TaskRecord,
)
from pmcp_storage.a2a import BackendTaskStore, VersionedBackendTaskStore
from support.a2a_support import (
    CANCELED,
    COMPLETED,
    SUBMITTED,
    HeldAgent,
    caller,
    in_event_loop,
    make_handler,
    message,
)

pytestmark = pytest.mark.filterwarnings("ignore:A VersionedTaskStore was configured without")


@pytest.mark.parametrize(
    ("kind", "end"), [(VersionedBackendTaskStore, CANCELED), (BackendTaskStore, COMPLETED)]
)
@in_event_loop
async def test_a_cancellation_elsewhere_stays_only_if_the_store_has_versions(
    backend: StorageBackend | AsyncStorageBackend, alice: str, kind: Any, end: TaskState
) -> None:
    context, agent = caller(alice), HeldAgent()
    async with replica(agent, kind(backend)) as here, replica(HeldAgent(), kind(backend)) as other:
        events = here.on_message_send_stream(message(), context)
        begun = await anext(events)
        assert isinstance(begun, Task)
        assert await state(other, begun.id, context) == SUBMITTED
        cancelled = await other.on_cancel_task(CancelTaskRequest(id=begun.id), context)
        assert cancelled is not None
        assert cancelled.status.state == CANCELED
        agent.release(begun.id)  # it completes the task, not knowing that it is cancelled
        async for _ in events:
            pass
        for handler in (here, other):
            assert await state(handler, begun.id, context) == end


@in_event_loop
async def test_another_callers_task_is_not_found_at_any_replica(
    backend: StorageBackend | AsyncStorageBackend, alice: str
) -> None:
    store, bob = VersionedBackendTaskStore(backend), caller(f"bob, not {alice}")
    async with replica(HeldAgent(), store) as here, replica(HeldAgent(), store) as other:
        begun = await here.on_message_send(message(), caller(alice))
        assert isinstance(begun, Task)
        for handler in (here, other):
            with pytest.raises(TaskNotFoundError):
                await handler.on_get_task(GetTaskRequest(id=begun.id), bob)
            with pytest.raises(TaskNotFoundError):
                await handler.on_cancel_task(CancelTaskRequest(id=begun.id), bob)
            assert not (await handler.on_list_tasks(ListTasksRequest(), bob)).tasks
            assert (await handler.on_list_tasks(ListTasksRequest(), caller(alice))).total_size == 1


@in_event_loop
async def test_an_anonymous_caller_is_refused_before_the_agent_runs() -> None:
    agent = HeldAgent()
    async with replica(agent, VersionedBackendTaskStore(InMemoryBackend())) as handler:
        with pytest.raises(InvalidRequestError, match="authenticated callers only"):
            await handler.on_message_send(message(), ServerCallContext())
    assert agent.runs == 0


class SmallBackend(InMemoryBackend):
    """Takes records of up to 10,000 bytes."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if (size := len(record.to_json())) > 10_000:
            raise RecordTooLargeError(size, 10_000)
        return super()._put_if_version(record, expected_version)


class VerboseAgent(HeldAgent):
    """Adds an artifact that is too large for the storage."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        task_id, context_id = str(context.task_id), str(context.context_id)
        await event_queue.enqueue_event(new_task(task_id, context_id, SUBMITTED))
        await TaskUpdater(event_queue, task_id, context_id).add_artifact(
            [new_text_part("x" * 20_000)]
        )


@in_event_loop
async def test_a_task_that_grows_too_large_stays_as_it_was_and_can_be_cancelled() -> None:
    alice = caller("alice")
    # The SDK does not retrieve the error that its task ended by, and asyncio would report that.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with replica(VerboseAgent(), VersionedBackendTaskStore(SmallBackend())) as handler:
        request = message()
        request.configuration.return_immediately = False
        with pytest.raises(InternalError, match="over the limit of 10000 bytes: store less in it"):
            await handler.on_message_send(request, alice)
        [task] = (await handler.on_list_tasks(ListTasksRequest(), alice)).tasks
        assert task.status.state == SUBMITTED
        await handler.on_cancel_task(CancelTaskRequest(id=task.id), alice)
        assert await state(handler, task.id, alice) == CANCELED


@asynccontextmanager
async def replica(agent: HeldAgent, store: Any) -> AsyncIterator[DefaultRequestHandler]:
    handler = make_handler(agent, store)
    yield handler
    await handler.aclose()


async def state(handler: DefaultRequestHandler, task_id: str, context: ServerCallContext) -> int:
    task: Task | None = await handler.on_get_task(GetTaskRequest(id=task_id), context)
    assert task is not None
    return task.status.state
