"""`pmcp-storage init` and `verify`, run as a user runs them, on real storages."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pmcp_storage
from support.redis_server import RedisServer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pmcp_storage", *arguments], capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    return done


def test_a_table_is_created_once_and_verified(dynamodb_client: DynamoDBClient) -> None:
    name = f"cli-{uuid.uuid4().hex}"
    missing = command("verify", "dynamodb", "--table", name)
    assert missing.returncode == 1
    assert "does not exist" in missing.stderr
    first = command("init", "dynamodb", "--table", name)
    assert first.returncode == 0, first.stderr
    assert f"created table {name}" in first.stdout
    assert "switched on time to live" in first.stdout
    second = command("init", "dynamodb", "--table", name)
    assert second.returncode == 0
    assert "created" not in second.stdout
    assert "switched on" not in second.stdout
    assert command("verify", "dynamodb", "--table", name).returncode == 0
    description = dynamodb_client.describe_table(TableName=name)["Table"]
    assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    dynamodb_client.delete_table(TableName=name)


def test_the_wrong_keys_of_a_table_are_reported(dynamodb_client: DynamoDBClient) -> None:
    name = f"cli-{uuid.uuid4().hex}"
    dynamodb_client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for verb in ("init", "verify"):
        done = command(verb, "dynamodb", "--table", name)
        assert done.returncode == 1
        assert "its keys must be PK (HASH, S), SK (RANGE, S) but are id" in done.stderr
    dynamodb_client.delete_table(TableName=name)


def test_a_sqlite_file_is_created_once_and_verified(tmp_path: Path) -> None:
    path = str(tmp_path / "tasks.db")
    missing = command("verify", "sqlite", path)
    assert missing.returncode == 1
    assert f"pmcp-storage init sqlite {path}" in missing.stderr
    assert "created" in command("init", "sqlite", path).stdout
    assert "is there" in command("init", "sqlite", path).stdout
    assert command("verify", "sqlite", path).returncode == 0


def test_files_of_something_else_are_reported(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to look into")
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    for name, problem in (("text", "not a database"), ("other.db", "something else")):
        for verb in ("init", "verify"):
            done = command(verb, "sqlite", str(tmp_path / name))
            assert done.returncode == 1
            assert problem in done.stderr


def test_redis_is_verified(redis_server: RedisServer) -> None:
    assert command("verify", "redis", redis_server.url).returncode == 0
    assert command("init", "redis", redis_server.url).returncode == 0
    unreachable = command("verify", "redis", "redis://127.0.0.1:1/0")
    assert unreachable.returncode == 1
    assert "127.0.0.1:1" in unreachable.stderr
    assert command("verify", "redis", "nonsense").returncode == 1


@pytest.mark.parametrize("arguments", [[], ["init"], ["init", "sqlite"], ["verify", "paper"]])
def test_wrong_command_lines_are_explained(arguments: list[str]) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert "usage: pmcp-storage" in done.stderr


def test_help_names_options_and_settings() -> None:
    assert "--table" in command("init", "dynamodb", "--help").stdout
    assert "AWS_REGION" in command("--help").stdout


def test_the_version_is_that_of_the_package() -> None:
    assert command("--version").stdout == f"pmcp-storage {pmcp_storage.__version__}\n"
