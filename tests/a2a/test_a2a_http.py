"""An agent of two server processes on one SQLite file, and the SDK's client over HTTP."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("a2a.server", reason="a2a-sdk is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

import httpx
from a2a.client import A2AClientError, Client, ClientConfig, create_client
from a2a.types.a2a_pb2 import CancelTaskRequest, GetTaskRequest, ListTasksRequest
from a2a.utils.errors import InvalidRequestError, TaskNotFoundError

from support.a2a_support import (
    CANCELED,
    COMPLETED,
    SUBMITTED,
    in_event_loop,
    message,
)
from support.servers import Server

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Two servers with the versioned store."""
    with running("VersionedBackendTaskStore", tmp_path_factory) as servers:
        yield servers


@pytest.fixture(scope="module")
def servers_without_versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Two servers with the store whose last save wins."""
    with running("BackendTaskStore", tmp_path_factory) as servers:
        yield servers


@contextmanager
def running(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    path = str(tmp_path_factory.mktemp("a2a") / "tasks.db")

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "support.a2a_server", str(port), path, store]

    servers = [Server(command, cwd=TESTS) for _ in range(2)]
    with ExitStack() as ended, ThreadPoolExecutor() as threads:
        list(threads.map(ended.enter_context, servers))
        yield servers


@in_event_loop
async def test_a_task_of_one_server_is_seen_and_cancelled_at_the_other(
    servers: list[Server], alice: str
) -> None:
    assert await state_after_cancellation_elsewhere(servers, alice) == CANCELED


@in_event_loop
async def test_without_versions_the_first_server_undoes_the_cancellation(
    servers_without_versions: list[Server], alice: str
) -> None:
    assert await state_after_cancellation_elsewhere(servers_without_versions, alice) == COMPLETED


async def state_after_cancellation_elsewhere(servers: list[Server], user: str) -> int:
    """Where a task stands that the one server works on and the other has cancelled."""
    async with client(servers[0], user) as here, client(servers[1], user) as other:
        events = here.send_message(message())
        task_id = (await anext(events)).task.id
        assert await state(other, task_id) == SUBMITTED
        assert [task.id for task in (await other.list_tasks(ListTasksRequest())).tasks] == [task_id]
        cancelled = await other.cancel_task(CancelTaskRequest(id=task_id))
        assert cancelled.status.state == CANCELED
        await release(servers[0], task_id)
        async for _ in events:
            pass
        assert await state(here, task_id) == await state(other, task_id)
        return await state(other, task_id)


@in_event_loop
async def test_a_task_outlives_its_server(servers: list[Server], alice: str) -> None:
    async with client(servers[0], alice) as here:
        events = here.send_message(message())
        task_id = (await anext(events)).task.id
        servers[0].kill()
        with pytest.raises(A2AClientError):
            await anext(events)
    servers[0].start()
    async with client(servers[0], alice) as here:
        assert await state(here, task_id) == SUBMITTED
        await here.cancel_task(CancelTaskRequest(id=task_id))
        assert await state(here, task_id) == CANCELED


@in_event_loop
async def test_callers_see_their_own_tasks_only(servers: list[Server], alice: str) -> None:
    async with client(servers[0], alice) as here, client(servers[1], f"not {alice}") as other:
        task_id = (await anext(here.send_message(message()))).task.id
        with pytest.raises(TaskNotFoundError):
            await other.get_task(GetTaskRequest(id=task_id))
        with pytest.raises(TaskNotFoundError):
            await other.cancel_task(CancelTaskRequest(id=task_id))
        assert not (await other.list_tasks(ListTasksRequest())).tasks
    async with client(servers[1], None) as nobody:
        with pytest.raises(InvalidRequestError, match="authenticated callers only"):
            await nobody.list_tasks(ListTasksRequest())


@asynccontextmanager
async def client(server: Server, user: str | None) -> AsyncIterator[Client]:
    """The client of a user, or of nobody."""
    headers = {} if user is None else {"authorization": f"Bearer {user}"}
    async with httpx.AsyncClient(headers=headers) as http:
        config = ClientConfig(httpx_client=http)
        async with await create_client(address(server), config) as connected:
            yield connected


async def state(connected: Client, task_id: str) -> int:
    return (await connected.get_task(GetTaskRequest(id=task_id))).status.state


async def release(server: Server, task_id: str) -> None:
    """Let the server's agent complete the task."""
    async with httpx.AsyncClient() as http:
        (await http.post(f"{address(server)}/release/{task_id}")).raise_for_status()


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"
