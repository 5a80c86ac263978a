"""Where the tests of MCP servers keep their tasks, and their log."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.redis_server import RedisServer

if importlib.util.find_spec("mcp") is None:
    collect_ignore_glob = ["test_*"]


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
