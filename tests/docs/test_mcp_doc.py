"""docs/mcp.md: its server survives kill -9, and the snippets compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from support.servers import Server

PAGE = Path(__file__).parents[2] / "docs" / "mcp.md"


def block(name: str) -> str:
    """The code of the page whose first line is `# name`."""
    blocks = PAGE.read_text(encoding="utf-8").split("```python\n")
    [code] = [text for text in blocks if text.startswith(f"# {name}")]
    return code.partition("```")[0]


class DocumentedServer(Server):
    """The page's server, in a folder, on a port of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        code = block(name)
        assert "port=8000" in code
        script = folder / name

        def command(port: int) -> list[str]:
            script.write_text(code.replace("port=8000", f"port={port}"))
            return [sys.executable, str(script)]

        super().__init__(command, folder)


def run_client(folder: Path, *arguments: Any) -> str:
    (folder / "client.py").write_text(block("client.py"))
    run = subprocess.run(
        [sys.executable, "client.py", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    return run.stdout.strip()


@pytest.mark.parametrize("name", ["server.py", "fastmcp_server.py"])
def test_the_task_survives_a_kill(tmp_path: Path, name: str) -> None:
    if name.startswith("fastmcp"):
        pytest.importorskip("fastmcp")
    with DocumentedServer(tmp_path, name) as server:
        url = f"http://127.0.0.1:{server.port}/mcp"
        task_id = run_client(tmp_path, url)
        server.kill()
        server.start()
        assert run_client(tmp_path, url, task_id) == "the report for 2026"


def test_the_worker_compiles() -> None:
    compile(block("app.py"), "app.py", "exec")
