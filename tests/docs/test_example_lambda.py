"""The example of a server on AWS Lambda does what it says, on DynamoDB and on SQLite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "lambda_tasks.py"

Answer = tuple[int, dict[str, Any]]


class Killed(BaseException):
    """Ends a run as a kill does: no handler in it catches it."""


class Server:
    """The handlers of the example, called as Lambda calls them."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def submit(self, texts: Any, owner: str = "alice") -> Answer:
        return self.ask(self.module.submit, owner, body=json.dumps({"texts": texts}))

    def poll(self, task_id: str, owner: str = "alice") -> Answer:
        return self.ask(self.module.poll, owner, queryStringParameters={"taskId": task_id})

    def cancel(self, task_id: str) -> Answer:
        return self.ask(self.module.cancel, "alice", queryStringParameters={"taskId": task_id})

    def work(self, task_id: str) -> None:
        self.module.worker({"owner": "alice", "taskId": task_id}, None)

    def ask(self, handler: Callable[[Any, object], Any], owner: str, **event: Any) -> Answer:
        context = {"authorizer": {"jwt": {"claims": {"sub": owner}}}}
        answer = handler({"requestContext": context, **event}, None)
        return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture(params=["dynamodb", "sqlite"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Server:
    """The example on each storage; its worker runs only when it is called."""
    monkeypatch.delenv("WORKER_FUNCTION", raising=False)
    monkeypatch.delenv("PMCP_TABLE", raising=False)
    monkeypatch.setenv("PMCP_SQLITE", str(tmp_path / "tasks.sqlite"))
    if request.param == "dynamodb":
        monkeypatch.setenv("PMCP_TABLE", request.getfixturevalue("table"))
    spec = spec_from_file_location("lambda_tasks", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "start", lambda event: json.dumps(event))
    return Server(module)


def test_a_job_from_its_submission_to_its_result(server: Server) -> None:
    status, task = server.submit(["one two", "three"])
    assert (status, task["pollInterval"]) == (200, 500)
    working = {"status": "working", "message": None, "progress": [0, 2], "result": None}
    assert server.poll(task["taskId"]) == (200, working)
    server.work(task["taskId"])
    ended = {"status": "completed", "message": None, "progress": [2, 2], "result": {"words": 3}}
    assert server.poll(task["taskId"]) == (200, ended)
    server.work(task["taskId"])
    assert server.poll(task["taskId"]) == (200, ended)


def test_a_killed_run_is_resumed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = server.submit(["a", "b b", "c c c"])[1]["taskId"]
    seen: list[str] = []

    def count(text: str) -> int:
        seen.append(text)
        if len(seen) == 2:
            raise Killed
        return len(text.split())

    monkeypatch.setattr(server.module, "count_words", count)
    with pytest.raises(Killed):
        server.work(task_id)
    assert server.poll(task_id)[1]["progress"] == [1, 3]
    server.work(task_id)
    assert seen == ["a", "b b", "b b", "c c c"]
    assert server.poll(task_id)[1]["result"] == {"words": 6}


def test_a_cancelled_job_stops(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = server.submit(["a", "b", "c"])[1]["taskId"]
    monkeypatch.setattr(server.module, "count_words", lambda text: server.cancel(task_id)[0])
    server.work(task_id)
    _, answer = server.poll(task_id)
    assert (answer["status"], answer["progress"], answer["result"]) == ("cancelled", [0, 3], None)
    assert server.cancel(task_id)[0] == 400


def test_a_failing_job_reports_its_error(server: Server) -> None:
    task_id = server.submit(["a", 7])[1]["taskId"]
    server.work(task_id)
    _, answer = server.poll(task_id)
    assert (answer["status"], answer["progress"]) == ("failed", [1, 2])
    assert answer["message"].startswith("AttributeError: ")


def test_invalid_requests_are_refused(server: Server) -> None:
    task_id = server.submit(["a"])[1]["taskId"]
    for status, answer in (server.poll(task_id, "mallory"), server.submit("text")):
        assert (status, answer["error"]["code"]) == (400, -32602)


def test_without_lambda_the_worker_is_a_thread(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PMCP_TABLE"}
    environment["PMCP_SQLITE"] = str(tmp_path / "tasks.sqlite")
    run = subprocess.run(
        [sys.executable, EXAMPLE], env=environment, capture_output=True, text=True, check=True
    )
    assert "'status': 'completed'" in run.stdout
    assert "'result': {'words': 6}" in run.stdout


def test_two_concurrent_runs_overwrite_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = server.submit(["a", "b b", "c c c"])[1]["taskId"]
    count_words = server.module.count_words

    def count(text: str) -> int:
        monkeypatch.setattr(server.module, "count_words", count_words)
        server.work(task_id)
        words: int = count_words(text)
        return words

    monkeypatch.setattr(server.module, "count_words", count)
    server.work(task_id)
    _, answer = server.poll(task_id)
    assert (answer["progress"], answer["result"]) == ([3, 3], {"words": 6})
