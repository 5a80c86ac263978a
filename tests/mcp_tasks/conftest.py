"""Where the tests of MCP servers keep their tasks, and their log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pmcp_storage.mcp import TasksExtension
    from support.redis_server import RedisServer
    from support.store_support import CountingBackend


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the jobs write what they do."""
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv("PMCP_LOG", str(path))
    return path


@pytest.fixture(params=["sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for `mcp_jobs`; SQLite unless a test is parametrized."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'tasks.db'}"
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url
    return f"dynamodb:{request.getfixturevalue('table')}"


@pytest.fixture
def backend() -> CountingBackend:
    from support.store_support import CountingBackend

    return CountingBackend()


@pytest.fixture
def tasks(backend: CountingBackend) -> TasksExtension:
    from pmcp_storage.mcp import TasksExtension

    return TasksExtension(backend)


@pytest.fixture
def server(tasks: TasksExtension) -> Any:
    """The jobs' server in this process, over a storage in memory that counts its requests."""
    from support.mcp_jobs import jobs_server

    return jobs_server(tasks, lifespan=tasks.lifespan)
