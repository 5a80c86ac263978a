"""An MCP server of slow jobs in this process, over a storage that counts its requests."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

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
