"""docs/a2a.md: its server runs as it stands, and its tasks survive a restart."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("a2a.server", reason="a2a-sdk is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

from support.servers import Server

PAGE = Path(__file__).parents[2] / "docs" / "a2a.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_server_keeps_its_tasks_over_a_restart(tmp_path: Path) -> None:
    [served] = [text for kind, text in BLOCKS if kind == "sh" and text.startswith("uvicorn")]

    def command(port: int) -> list[str]:
        for kind, text in BLOCKS:
            if kind == "python":
                name = text.split()[1]
                (tmp_path / name).write_text(text.replace("8000", str(port)), encoding="utf-8")
        return [sys.executable, "-m", *shlex.split(served.replace("8000", str(port)))]

    with Server(command, cwd=tmp_path) as server:
        for number in (1, 2):
            client = [sys.executable, str(tmp_path / "client.py")]
            assert subprocess.check_output(client, text=True) == f"HELLO\n{number} tasks\n"
            server.kill()
            server.start()


def test_the_server_takes_ten_lines() -> None:
    [server] = [text for _, text in BLOCKS if text.startswith("# server.py")]
    assert len([line for line in server.splitlines()[1:] if line]) <= 10
