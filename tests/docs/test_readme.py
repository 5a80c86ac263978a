"""The README's examples and commands do what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pmcp_storage import GenericTaskStore, SqliteBackend, TaskNotReadyError

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def blocks(language: str, containing: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language and containing in text]


def test_the_target_works_when_pasted(pytester: pytest.Pytester) -> None:
    [conftest] = blocks("python", "# conftest.py")
    pytester.makeconftest(conftest)
    result = pytester.runpytest_subprocess("-p", "pmcp_conformance", "-k", "CAS or GET")
    result.stdout.fnmatch_lines(["mine PARTIAL * of *"])
    assert result.ret == pytest.ExitCode.OK


def test_the_use_of_a_backend_works_when_pasted() -> None:
    [example] = blocks("python", "backend.put_if_version(done, version)")
    exec(compile(example, "README.md", "exec"), {})


@pytest.mark.parametrize("storage", ["dynamodb", "sqlite"])
def test_the_server_works_on_lambda_and_on_a_laptop(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    storage: str,
) -> None:
    [server] = blocks("python", "# server.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PMCP_TABLE", raising=False)
    if storage == "dynamodb":
        monkeypatch.setenv("PMCP_TABLE", request.getfixturevalue("table"))
    names: dict[str, Any] = {"__name__": "server"}
    exec(compile(server, "server.py", "exec"), names)
    started: list[dict[str, str]] = []
    names["start"] = started.append
    caller = {"authorizer": {"jwt": {"claims": {"sub": "alice"}}}}
    answer = names["submit"]({"requestContext": caller, "body": "one two three"}, None)
    task_id = json.loads(answer["body"])["taskId"]
    with pytest.raises(TaskNotReadyError):
        names["store"]().get_result("alice", task_id)
    for _ in range(2):
        names["worker"](started[0], None)
        assert names["store"]().get_result("alice", task_id) == {"words": 3}


def test_the_server_runs_on_a_laptop(tmp_path: Path) -> None:
    [server] = blocks("python", "# server.py")
    [commands] = blocks("sh", "python server.py")
    command = commands.splitlines()[-1]
    (tmp_path / "server.py").write_text(server, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PMCP_TABLE"}
    run = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    with SqliteBackend(tmp_path / "tasks.db") as backend:
        store = GenericTaskStore(backend)
        assert store.get_result("alice", json.loads(run.stdout)["taskId"]) == {"words": 3}


def test_every_option_it_names_exists(pytester: pytest.Pytester) -> None:
    helped = pytester.runpytest_subprocess("-p", "pmcp_conformance", "--help").stdout.str()
    options = set(re.findall(r"--pmcp-[a-z-]+", README.read_text(encoding="utf-8")))
    assert options
    assert all(option in helped for option in options)
