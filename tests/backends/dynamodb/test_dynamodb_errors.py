"""Errors of DynamoDbBackend: what is wrong, and the remedy."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from pmcp_storage import (
    BackendError,
    DynamoDbBackend,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
    TaskRecord,
)
from pmcp_storage.backends.dynamodb.definition import table_definition
from support.dynamodb_faults import Answer, Fault, Request, failure, pass_on
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import NO_RETRIES, OpenThrough, new_owner
from support.records import NOW, make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

LIMIT = 409_600


@pytest.fixture
def unretried(through: OpenThrough) -> DynamoDbBackend:
    """A handle through the proxy whose client tries nothing twice."""
    return through(NO_RETRIES)


class Operation(NamedTuple):
    """An operation that sends a request, and the action that it must be allowed."""

    action: str
    call: Callable[[], object]


def operations(backend: DynamoDbBackend) -> dict[str, Operation]:
    """Every operation that sends a request, by its name."""
    record = make_record(owner_id=new_owner(), variables={"a": "secret"}, result="secret")
    owner_id = record.owner_id
    return {
        "get": Operation("GetItem", lambda: backend.get(owner_id, "t")),
        "create": Operation("PutItem", lambda: backend.create(record)),
        "put_if_version": Operation("PutItem", lambda: backend.put_if_version(record, 1)),
        "delete": Operation("DeleteItem", lambda: backend.delete(owner_id, "t")),
        "list_by_owner": Operation("Query", lambda: backend.list_by_owner(owner_id)),
        "count_by_owner": Operation("Query", lambda: backend.count_by_owner(owner_id, live_at=NOW)),
        "verify": Operation("DescribeTable", backend.verify),
    }


def message_of(call: Callable[[], object], kind: type[StorageError] = BackendError) -> str:
    """The message of the error that the call raises, which must be of that very kind."""
    with pytest.raises(StorageError) as raised:
        call()
    error = raised.value
    assert type(error) is kind
    assert isinstance(error.__cause__, ClientError | BotoCoreError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "secret" not in f"{error} {error!r} {error.args}"
    return str(error)


@contextmanager
def other_table(client: DynamoDBClient, **changes: Any) -> Iterator[str]:
    name = f"other-{uuid.uuid4().hex}"
    client.create_table(**{**table_definition(name), **changes})
    yield name
    client.delete_table(TableName=name)


def answers(code: str, status: int = 400) -> Fault:
    return lambda request: failure(status, code)


def test_a_missing_table_is_named_with_the_keys_to_create_it(
    dynamodb_client: DynamoDBClient,
) -> None:
    backend = DynamoDbBackend(dynamodb_client, "not-there")
    for operation in operations(backend).values():
        message = message_of(operation.call)
        assert "'not-there' in us-east-1" in message
        assert dynamodb_client.meta.endpoint_url in message
        assert "does not exist" in message
        assert "PK (S)" in message
        assert "SK (S)" in message


def test_a_table_that_is_still_being_created_is_not_called_missing(
    proxy: DynamoDbProxy, unretried: DynamoDbBackend
) -> None:
    def creating(request: Request) -> Answer:
        body = request().body.replace(b'"ACTIVE"', b'"CREATING"')
        return Answer(200, {}, body)

    missing = answers("ResourceNotFoundException")
    faults = {"DescribeTable": creating, "PutItem": missing}
    proxy.plan = lambda action: faults.get(action, pass_on)
    assert "still being created" in message_of(
        lambda: unretried.create(make_record(owner_id=new_owner()))
    )
    with pytest.raises(BackendError, match="CREATING"):
        unretried.verify()


def test_a_table_that_cannot_be_described_is_called_missing(
    proxy: DynamoDbProxy, unretried: DynamoDbBackend
) -> None:
    denied, missing = answers("AccessDeniedException"), answers("ResourceNotFoundException")
    proxy.plan = lambda action: denied if action == "DescribeTable" else missing
    assert "does not exist" in message_of(lambda: unretried.get("owner", "t"))


# What works on a table with wrong keys nevertheless: `verify` is there to find them before.
WRITES = {"create", "put_if_version"}
KEYED = {*WRITES, "get", "delete"}


@pytest.mark.parametrize(
    ("keys", "found", "unaffected"),
    [
        ({"id": ("HASH", "S")}, "id (HASH, S)", set()),
        ({"PK": ("HASH", "S")}, "PK (HASH, S)", WRITES),
        ({"PK": ("HASH", "S"), "SK": ("RANGE", "N")}, "PK (HASH, S), SK (RANGE, N)", set()),
        ({"SK": ("HASH", "S"), "PK": ("RANGE", "S")}, "SK (HASH, S), PK (RANGE, S)", KEYED),
    ],
)
def test_wrong_keys_are_shown_beside_the_right_ones(
    dynamodb_client: DynamoDBClient,
    keys: dict[str, tuple[str, str]],
    found: str,
    unaffected: set[str],
) -> None:
    schema = [{"AttributeName": name, "KeyType": role} for name, (role, _) in keys.items()]
    kinds = [{"AttributeName": name, "AttributeType": kind} for name, (_, kind) in keys.items()]
    expected = f"must be PK (HASH, S), SK (RANGE, S) but are {found}"
    with other_table(dynamodb_client, KeySchema=schema, AttributeDefinitions=kinds) as name:
        backend = DynamoDbBackend(dynamodb_client, name)
        calls = operations(backend)
        for name in calls.keys() - {"verify"} - unaffected:
            assert expected in message_of(calls[name].call)
        with pytest.raises(BackendError) as error:
            backend.verify()
        assert expected in str(error.value)
        assert "time to live must be enabled" in str(error.value)


def test_verify_passes_with_the_right_keys_and_expiry(dynamodb_client: DynamoDBClient) -> None:
    with other_table(dynamodb_client) as name:
        backend = DynamoDbBackend(dynamodb_client, name)

        def expire_by(attribute: str, *, enabled: bool = True) -> None:
            dynamodb_client.update_time_to_live(
                TableName=name,
                TimeToLiveSpecification={"Enabled": enabled, "AttributeName": attribute},
            )

        with pytest.raises(BackendError, match="expires_at but is DISABLED") as error:
            backend.verify()
        assert "keys" not in str(error.value)
        expire_by("ttl")
        with pytest.raises(BackendError, match="expires_at but is ENABLED for ttl"):
            backend.verify()
        expire_by("ttl", enabled=False)
        expire_by("expires_at")
        backend.verify()


def test_missing_credentials_are_reported_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, table: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.session.Session().client(
        "dynamodb", endpoint_url=dynamodb_client.meta.endpoint_url, region_name="us-east-1"
    )
    for operation in operations(DynamoDbBackend(client, table)).values():
        message = message_of(operation.call)
        assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in message
    client.close()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("UnrecognizedClientException", "Renew them"),
        ("ExpiredTokenException", "Renew them"),
        ("InvalidSignatureException", "clock"),
        ("AccessDeniedException", "allow dynamodb:{action} on it in the IAM policy"),
        ("ProvisionedThroughputExceededException", "more capacity"),
        ("ThrottlingException", "more capacity"),
        ("RequestLimitExceeded", "try again later"),
        ("SomethingNewException", "SomethingNewException"),
    ],
)
def test_a_refusal_names_the_remedy(
    proxy: DynamoDbProxy, unretried: DynamoDbBackend, table: str, code: str, remedy: str
) -> None:
    proxy.always(answers(code))
    for operation in operations(unretried).values():
        message = message_of(operation.call)
        assert table in message
        assert remedy.format(action=operation.action) in message


def test_verify_names_the_action_that_it_may_not_take(
    proxy: DynamoDbProxy, unretried: DynamoDbBackend
) -> None:
    denied = answers("AccessDeniedException")
    proxy.plan = lambda action: denied if action == "DescribeTimeToLive" else pass_on
    assert "allow dynamodb:DescribeTimeToLive" in message_of(unretried.verify)


def test_an_owner_at_the_limit_of_an_index_raises_storage_full(
    proxy: DynamoDbProxy, unretried: DynamoDbBackend
) -> None:
    proxy.always(answers("ItemCollectionSizeLimitExceededException"))
    message = message_of(
        lambda: unretried.create(make_record(owner_id=new_owner())), StorageFullError
    )
    assert "10 GB" in message


def test_an_invalid_request_of_another_kind_is_not_called_a_wrong_key(
    proxy: DynamoDbProxy, unretried: DynamoDbBackend
) -> None:
    proxy.plan = lambda action: answers("ValidationException") if action == "PutItem" else pass_on
    message = message_of(lambda: unretried.create(make_record(owner_id=new_owner())))
    assert "refused PutItem as invalid" in message
    assert "keys" not in message


def record_of_item_size(owner_id: str, size: int, expires_at: datetime | None = None) -> TaskRecord:
    """A record whose item has that size: names and values in UTF-8, numbers as documented."""
    empty = make_record(owner_id=owner_id, result="é", expires_at=expires_at)
    item = {
        "PK": f"OWNER#{owner_id}",
        "SK": "TASK#t",
        "owner_id": owner_id,
        "task_id": "t",
        "status": "working",
        "data": empty.to_json(),
        "write_id": "x" * 32,
    }
    rest = sum(len(name) + len(value.encode()) for name, value in item.items())
    rest += len("version") + 2
    if expires_at is not None:
        # A byte for two digits and one more; zeros at the end do not count.
        digits = str(int(expires_at.timestamp())).rstrip("0")
        rest += len("expires_at") + len(digits) // 2 + 1
    return make_record(owner_id=owner_id, result="é" + "x" * (size - rest), expires_at=expires_at)


@pytest.mark.parametrize("expires_at", [None, NOW, NOW + timedelta(seconds=1)], ids=str)
def test_the_limit_of_an_item_is_exact_to_the_byte(
    proxy: DynamoDbProxy, unretried: DynamoDbBackend, expires_at: datetime | None
) -> None:
    owner_id = new_owner()
    assert unretried.create(record_of_item_size(owner_id, LIMIT, expires_at)) == 1
    former = unretried.get(owner_id, "t")
    for excess in (1, 2, 60):
        for write in (unretried.create, unretried.put, lambda r: unretried.put_if_version(r, 1)):
            with pytest.raises(RecordTooLargeError) as error:
                write(record_of_item_size(owner_id, LIMIT + excess, expires_at))
            assert (error.value.size, error.value.limit) == (LIMIT + excess, LIMIT)
    assert unretried.get(owner_id, "t") == former
    proxy.requests.clear()
    with pytest.raises(RecordTooLargeError):
        unretried.create(record_of_item_size(owner_id, 20_000_000))
    assert proxy.requests == []
