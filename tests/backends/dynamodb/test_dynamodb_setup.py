"""Setting a table up and checking it, while others do, and without every permission."""

from __future__ import annotations

import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from pmcp_storage import (
    BackendError,
    DynamoDbBackend,
)
from support.dynamodb_faults import Answer, Fault, Request, failure, pass_on
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import connect

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def command(verb: str, table: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "pmcp_storage", verb, "dynamodb", "--table", table]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_table_may_be_set_up_several_times_at_once(dynamodb_client: DynamoDBClient) -> None:
    name = f"init-{uuid.uuid4().hex}"
    running = [command("init", name) for _ in range(4)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert sum("created table" in output for output in outputs) == 1
    dynamodb_client.delete_table(TableName=name)


def test_what_another_has_set_up_meanwhile_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, proxy: DynamoDbProxy
) -> None:
    name = f"init-{uuid.uuid4().hex}"
    requests: list[Request] = []

    def in_use(request: Request) -> Answer:
        request()
        return failure(400, "ResourceInUseException")

    def invalid(request: Request) -> Answer:
        request()
        return failure(400, "ValidationException")

    def missing_at_first(request: Request) -> Answer | None:
        requests.append(request)
        return failure(400, "ResourceNotFoundException") if len(requests) < 3 else request()

    faults = {
        "CreateTable": in_use,
        "UpdateTimeToLive": invalid,
        "DescribeTable": missing_at_first,
    }
    proxy.plan = lambda action: faults.get(action, pass_on)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    process = command("init", name)
    assert "is as it should be" in process.communicate()[0]
    assert process.returncode == 0
    dynamodb_client.delete_table(TableName=name)


def test_what_init_may_not_do_is_named_after_what_it_did(
    monkeypatch: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, proxy: DynamoDbProxy
) -> None:
    name = f"init-{uuid.uuid4().hex}"
    denied = failure(400, "AccessDeniedException")
    proxy.plan = lambda action: (lambda _: denied) if action == "UpdateTimeToLive" else pass_on
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    process = command("init", name)
    output = process.communicate()[0]
    assert process.returncode == 1
    assert f"created table {name}" in output
    assert "allow dynamodb:UpdateTimeToLive" in output
    dynamodb_client.delete_table(TableName=name)


def test_a_table_that_is_being_deleted_is_not_called_new(proxy: DynamoDbProxy, table: str) -> None:
    def deleting(request: Request) -> Answer:
        return Answer(200, {}, request().body.replace(b'"ACTIVE"', b'"DELETING"'))

    faults: dict[str, Fault] = {
        "DescribeTable": deleting,
        "GetItem": lambda _: failure(400, "ResourceNotFoundException"),
    }
    proxy.plan = lambda action: faults.get(action, pass_on)
    client = connect(proxy.endpoint)
    backend = DynamoDbBackend(client, table)
    with pytest.raises(BackendError, match="is being deleted"):
        backend.get("o", "t")
    with pytest.raises(BackendError, match="DELETING: create it again once it is gone"):
        backend.verify()
    client.close()


def test_verify_says_what_it_could_not_see_beside_what_is_wrong(
    proxy: DynamoDbProxy, table: str
) -> None:
    def creating(request: Request) -> Answer:
        return Answer(200, {}, request().body.replace(b'"ACTIVE"', b'"CREATING"'))

    faults: dict[str, Fault] = {
        "DescribeTable": creating,
        "DescribeTimeToLive": lambda _: failure(400, "AccessDeniedException"),
    }
    proxy.plan = lambda action: faults.get(action, pass_on)
    client = connect(proxy.endpoint)
    with pytest.raises(BackendError, match="CREATING: wait until it is ACTIVE") as failed:
        DynamoDbBackend(client, table).verify()
    assert "allow dynamodb:DescribeTimeToLive" in str(failed.value)
    client.close()
