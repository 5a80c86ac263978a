"""The boto3 client of DynamoDbBackend: how it is set up, and who closes it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pmcp_storage
from pmcp_storage import (
    BackendError,
    DynamoDbBackend,
)
from support.dynamodb_support import connect, new_owner
from support.records import make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def test_from_env_needs_a_region(no_aws_settings: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendError, match="AWS_REGION") as error:
        DynamoDbBackend.from_env()
    assert error.value.__cause__ is not None


@pytest.mark.parametrize(
    ("settings", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_REGION": "eu-west-1", "AWS_PROFILE": "work"}, "eu-west-3"),
    ],
)
def test_from_env_finds_the_region(
    no_aws_settings: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, str], region: str
) -> None:
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-3\n")
    for name, value in settings.items():
        no_aws_settings.setenv(name, value)
    with DynamoDbBackend.from_env() as backend:
        assert backend._clients.get().meta.region_name == region


def test_from_env_names_the_problem_of_the_configuration(
    no_aws_settings: pytest.MonkeyPatch,
) -> None:
    no_aws_settings.setenv("AWS_PROFILE", "absent")
    with pytest.raises(BackendError, match="absent"):
        DynamoDbBackend.from_env()


def test_from_env_opens_no_socket(no_aws_settings: pytest.MonkeyPatch) -> None:
    no_aws_settings.setenv("AWS_REGION", "eu-west-1")

    def no_socket(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    no_aws_settings.setattr(socket, "socket", no_socket)
    no_aws_settings.setattr(socket, "getaddrinfo", no_socket)
    DynamoDbBackend.from_env().close()


def test_from_env_works_against_the_table_that_the_environment_names(
    no_aws_settings: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, table: str
) -> None:
    no_aws_settings.setenv("AWS_REGION", "us-east-1")
    no_aws_settings.setenv("AWS_ENDPOINT_URL", dynamodb_client.meta.endpoint_url)
    assert "'pmcp_tasks'" in repr(DynamoDbBackend.from_env())
    no_aws_settings.setenv("PMCP_TABLE", table)
    with DynamoDbBackend.from_env() as backend:
        assert backend.create(make_record(owner_id=new_owner())) == 1
    assert "'named'" in repr(DynamoDbBackend.from_env("named"))


def connection_pools(client: DynamoDBClient) -> int:
    """How many pools of connections a client holds: none once it is closed."""
    return len(client._endpoint.http_session._manager.pools)


def test_close_leaves_a_given_client_open(dynamodb_client: DynamoDBClient, table: str) -> None:
    first, second = (DynamoDbBackend(dynamodb_client, table) for _ in range(2))
    first.list_by_owner(new_owner())
    first.close()
    first.close()
    for call in (lambda: first.get("o", "t"), first.verify, first.cleanup_expired):
        with pytest.raises(BackendError, match="closed"):
            call()
    assert connection_pools(dynamodb_client) == 1
    assert second.list_by_owner(new_owner()) == []


def test_close_closes_a_given_client_if_asked_to(
    dynamodb_client: DynamoDBClient, table: str
) -> None:
    client = connect(dynamodb_client.meta.endpoint_url)
    with DynamoDbBackend(client, table, close_client=True) as backend:
        backend.list_by_owner(new_owner())
        assert connection_pools(client) == 1
    assert connection_pools(client) == 0


def test_close_closes_the_client_of_from_env(
    no_aws_settings: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, table: str
) -> None:
    no_aws_settings.setenv("AWS_REGION", "us-east-1")
    no_aws_settings.setenv("AWS_ENDPOINT_URL", dynamodb_client.meta.endpoint_url)
    backend = DynamoDbBackend.from_env(table)
    backend.list_by_owner(new_owner())
    client = backend._clients.get()
    assert connection_pools(client) == 1
    backend.close()
    assert connection_pools(client) == 0


def test_the_backend_is_a_public_name() -> None:
    assert pmcp_storage.DynamoDbBackend is DynamoDbBackend
