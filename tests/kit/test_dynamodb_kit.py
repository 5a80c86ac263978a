"""The kit on a real engine: many runs on one table see nothing of each other and leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

COMMAND = [
    *(sys.executable, "-m", "pytest", "-p", "pmcp_conformance", "-p", "no:cacheprovider"),
    *("--pmcp-backend", "dynamodb", "-v"),
]
QUICK = ["-k", "GET or CRE or CAS or DEL or LIST-1 or KEY-1 or ISO"]


def start(table: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *options],
        env={**os.environ, "PMCP_CONFORMANCE_TABLE": table, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def items_left(client: DynamoDBClient, table: str) -> int:
    return client.scan(TableName=table, ConsistentRead=True)["Count"]


def verdict(output: str) -> str:
    return [line for line in output.splitlines() if line.startswith("dynamodb ")][-1]


def test_simultaneous_parallel_runs_agree_and_leave_nothing(
    dynamodb_client: DynamoDBClient, table: str
) -> None:
    runs = [start(table, *QUICK, "-n", "2") for _ in range(2)] + [start(table, *QUICK)]
    outputs = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    assert len({verdict(output) for output in outputs}) == 1
    assert items_left(dynamodb_client, table) == 0


@pytest.mark.parametrize("options", [[], ["-n", "2"]])
def test_an_interrupted_run_leaves_nothing(
    dynamodb_client: DynamoDBClient, table: str, options: list[str]
) -> None:
    run = start(table, *options)
    assert run.stdout is not None
    for line in run.stdout:
        if "KEY-" in line and "PASSED" in line:
            break
    run.send_signal(signal.SIGINT)
    output = run.communicate()[0]
    assert run.returncode == pytest.ExitCode.INTERRUPTED
    assert "INCOMPLETE" in verdict(output)
    assert "the run was interrupted" in output
    assert items_left(dynamodb_client, table) == 0


def test_without_a_loopback_address_nothing_is_touched() -> None:
    settings = {"AWS_ENDPOINT_URL": "http://dynamodb.example.com", "AWS_REGION": "us-east-1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PMCP")}
    done = subprocess.run(
        [*COMMAND, "-k", "GET-1"], env={**environment, **settings}, capture_output=True, text=True
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "dynamodb INCOMPLETE 0" in done.stdout
    assert "no loopback address" in done.stdout
    assert "PMCP_CONFORMANCE_TABLE" in done.stdout
