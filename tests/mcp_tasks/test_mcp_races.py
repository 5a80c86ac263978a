"""Many processes that want the same task: one run at a time, and one outcome."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp.server.mcpserver import MCPServer

from pmcp_storage import SqliteBackend, TaskStatus
from pmcp_storage.mcp import TasksExtension
from support.mcp_clients import begin, connected, logged, until_logged
from support.mcp_jobs import jobs_server
from support.mcp_jobs import log as write_log

pytestmark = [
    pytest.mark.anyio,
    # What forked processes do here is fork-safe: they open handles and loops of their own.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

Tasks = list[tuple[str, str]]

PROCESSES = 32
DEATHS = 3


@contextmanager
def processes(count: int, work: Callable[[], object]) -> Iterator[list[Any]]:
    """Forked ones that do the work, and are awaited in the end."""
    children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(count)]
    for child in children:
        child.start()
    yield children
    for child in children:
        child.join(120)
        assert child.exitcode in (0, -signal.SIGKILL)


async def tasks_waiting(path: Path, name: str, count: int, **arguments: Any) -> Tasks:
    """Tasks that nobody has begun."""
    waiting: Tasks = []

    async def note(owner_id: str, task_id: str) -> None:
        waiting.append((owner_id, task_id))

    with SqliteBackend(path) as backend:
        server = jobs_and_count(TasksExtension(backend, start=note))
        async with connected(server) as client:
            for number in range(count):
                given = {"number": number} if name == "count" else arguments
                await begin(client, name, **given)
    return waiting


def jobs_and_count(tasks: TasksExtension) -> MCPServer[Any]:
    server = jobs_server(tasks)

    @server.tool()
    @tasks.task()
    async def count(number: int) -> int:
        write_log(f"job {number}")
        return number

    @server.tool()
    @tasks.task(resumable=True)
    async def survive() -> str:
        write_log("begins")
        survived = len(logged(Path(os.environ["PMCP_LOG"]), "begins")) > DEATHS
        await asyncio.sleep(0.2 if survived else 3600)
        write_log("ends")
        return f"done by {os.getpid()}"

    return server


async def test_of_many_processes_that_die_one_at_a_time_has_the_task(
    tmp_path: Path, log: Path
) -> None:
    path = tmp_path / "tasks.db"
    (task,) = await tasks_waiting(path, "survive", 1)

    async def until_it_ends() -> None:
        with SqliteBackend(path) as backend:
            tasks = TasksExtension(backend, lease_seconds=4)
            jobs_and_count(tasks)
            while not (await tasks.run(*task)).status.is_terminal:
                await asyncio.sleep(0.1)

    with processes(PROCESSES, lambda: asyncio.run(until_it_ends())):
        for number in range(1, DEATHS + 1):
            begun = await until_logged(log, "begins", number)
            os.kill(int(begun[-1]), signal.SIGKILL)
    assert len(logged(log, "begins")) == DEATHS + 1
    assert logged(log, "ends") == logged(log, "begins")[-1:]
    (finisher,) = logged(log, "ends")
    with SqliteBackend(path) as backend:
        found = backend.get(*task)
    assert found.record.status is TaskStatus.COMPLETED
    assert f"done by {finisher}" in str(found.record.result)


async def test_no_task_is_claimed_twice(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "tasks.db"
    waiting = await tasks_waiting(path, "count", 300)

    async def all_of_them() -> None:
        with SqliteBackend(path) as backend:
            tasks = TasksExtension(backend)
            jobs_and_count(tasks)
            for task in waiting:
                await tasks.run(*task)

    with processes(4, lambda: asyncio.run(all_of_them())):
        pass
    done = Counter(line.partition(" ")[2] for line in log.read_text().splitlines())
    assert done == {f"job {number}": 1 for number in range(300)}
