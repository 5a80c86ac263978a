"""What the DynamoDB backend says when it cannot work: what is wrong, and how to make it right."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

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
from support.dynamodb_support import NO_RETRIES, new_owner, connect

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

LIMIT = 409_600


@pytest.fixture
def proxy(dynamodb_client: DynamoDBClient) -> Iterator[DynamoDbProxy]:
    with DynamoDbProxy(dynamodb_client.meta.endpoint_url).running() as running:
        yield running


@pytest.fixture
def through(proxy: DynamoDbProxy, table: str) -> Iterator[DynamoDbBackend]:
    client = connect(proxy.endpoint, retries=NO_RETRIES)
    yield DynamoDbBackend(client, table)
    client.close()


def operations(backend: DynamoDbBackend) -> dict[str, Callable[[], object]]:
    """Every operation that sends a request, by the action that it needs to be allowed."""
    record = make_record(owner_id=new_owner(), variables={"a": "secret"}, result="secret")
    return {
        "GetItem": lambda: backend.get(record.owner_id, "t"),
        "PutItem": lambda: backend.create(record),
        "PutItem ": lambda: backend.put_if_version(record, 1),
        "DeleteItem": lambda: backend.delete(record.owner_id, "t"),
        "Query": lambda: backend.list_by_owner(record.owner_id),
        "Query ": lambda: backend.count_by_owner(record.owner_id, live_at=NOW),
        "DescribeTable": backend.verify,
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
def a_table(client: DynamoDBClient, **changes: Any) -> Iterator[str]:
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
    for call in operations(backend).values():
        message = message_of(call)
        assert "'not-there' in us-east-1" in message
        assert dynamodb_client.meta.endpoint_url in message
        assert "does not exist" in message
        assert "PK (S)" in message
        assert "SK (S)" in message


def test_a_table_that_is_still_being_created_is_told_from_a_missing_one(
    proxy: DynamoDbProxy, through: DynamoDbBackend
) -> None:
    def creating(request: Request) -> Answer:
        body = request().body.replace(b'"ACTIVE"', b'"CREATING"')
        return Answer(200, {}, body)

    missing = answers("ResourceNotFoundException")
    faults = {"DescribeTable": creating, "PutItem": missing}
    proxy.plan = lambda action: faults.get(action, pass_on)
    assert "still being created" in message_of(lambda: through.create(make_record(owner_id=new_owner())))
    with pytest.raises(BackendError, match="CREATING"):
        through.verify()


def test_a_table_that_cannot_be_described_is_called_missing(
    proxy: DynamoDbProxy, through: DynamoDbBackend
) -> None:
    denied, missing = answers("AccessDeniedException"), answers("ResourceNotFoundException")
    proxy.plan = lambda action: denied if action == "DescribeTable" else missing
    assert "does not exist" in message_of(lambda: through.get("owner", "t"))


# What a table with wrong keys nevertheless does: `verify` is there to tell before it happens.
PUT = {"PutItem", "PutItem "}
ANY_KEYED = {*PUT, "GetItem", "DeleteItem"}


@pytest.mark.parametrize(
    ("keys", "found", "unnoticed"),
    [
        ({"id": ("HASH", "S")}, "id (HASH, S)", set()),
        ({"PK": ("HASH", "S")}, "PK (HASH, S)", PUT),
        ({"PK": ("HASH", "S"), "SK": ("RANGE", "N")}, "PK (HASH, S), SK (RANGE, N)", set()),
        ({"SK": ("HASH", "S"), "PK": ("RANGE", "S")}, "SK (HASH, S), PK (RANGE, S)", ANY_KEYED),
    ],
)
def test_wrong_keys_are_shown_beside_the_right_ones(
    dynamodb_client: DynamoDBClient,
    keys: dict[str, tuple[str, str]],
    found: str,
    unnoticed: set[str],
) -> None:
    schema = [{"AttributeName": name, "KeyType": role} for name, (role, _) in keys.items()]
    kinds = [{"AttributeName": name, "AttributeType": kind} for name, (_, kind) in keys.items()]
    told = f"must be PK (HASH, S), SK (RANGE, S) but are {found}"
    with a_table(dynamodb_client, KeySchema=schema, AttributeDefinitions=kinds) as name:
        backend = DynamoDbBackend(dynamodb_client, name)
        calls = operations(backend)
        for action in calls.keys() - {"DescribeTable"} - unnoticed:
            assert told in message_of(calls[action])
        with pytest.raises(BackendError) as error:
            backend.verify()
        assert told in str(error.value)
        assert "time to live must be enabled" in str(error.value)


def test_verify_is_content_with_keys_and_expiry(dynamodb_client: DynamoDBClient) -> None:
    with a_table(dynamodb_client) as name:
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


def test_missing_credentials(
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
    for call in operations(DynamoDbBackend(client, table)).values():
        assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in message_of(call)
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
def test_a_refusal_says_what_to_do(
    proxy: DynamoDbProxy, through: DynamoDbBackend, table: str, code: str, remedy: str
) -> None:
    proxy.always(answers(code))
    for action, call in operations(through).items():
        message = message_of(call)
        assert table in message
        assert remedy.format(action=action.strip()) in message


def test_verify_names_the_action_that_it_may_not_take(
    proxy: DynamoDbProxy, through: DynamoDbBackend
) -> None:
    denied = answers("AccessDeniedException")
    proxy.plan = lambda action: denied if action == "DescribeTimeToLive" else pass_on
    assert "allow dynamodb:DescribeTimeToLive" in message_of(through.verify)


def test_an_owner_at_the_limit_of_an_index_fills_the_storage(
    proxy: DynamoDbProxy, through: DynamoDbBackend
) -> None:
    proxy.always(answers("ItemCollectionSizeLimitExceededException"))
    message = message_of(lambda: through.create(make_record(owner_id=new_owner())), StorageFullError)
    assert "10 GB" in message


def test_an_invalid_request_of_another_kind_is_not_called_a_wrong_key(
    proxy: DynamoDbProxy, through: DynamoDbBackend
) -> None:
    proxy.plan = lambda action: answers("ValidationException") if action == "PutItem" else pass_on
    message = message_of(lambda: through.create(make_record(owner_id=new_owner())))
    assert "refused PutItem as invalid" in message
    assert "keys" not in message


def of_item_size(owner_id: str, size: int, expires_at: datetime | None = None) -> TaskRecord:
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
def test_the_limit_of_an_item_is_met_to_the_byte(
    proxy: DynamoDbProxy, through: DynamoDbBackend, expires_at: datetime | None
) -> None:
    owner_id = new_owner()
    assert through.create(of_item_size(owner_id, LIMIT, expires_at)) == 1
    former = through.get(owner_id, "t")
    for excess in (1, 2, 60):
        for write in (through.create, through.put, lambda r: through.put_if_version(r, 1)):
            with pytest.raises(RecordTooLargeError) as error:
                write(of_item_size(owner_id, LIMIT + excess, expires_at))
            assert (error.value.size, error.value.limit) == (LIMIT + excess, LIMIT)
    assert through.get(owner_id, "t") == former
    proxy.requests.clear()
    with pytest.raises(RecordTooLargeError):
        through.create(of_item_size(owner_id, 20_000_000))
    assert proxy.requests == []
