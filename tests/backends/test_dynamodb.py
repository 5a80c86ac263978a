"""The DynamoDB backend against a real engine: items, requests, listings, counts, its client."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import pmcp_storage
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    DynamoDbBackend,
    NotFoundError,
    TaskRecord,
)
from support.dynamodb_support import CREATED, StandIn, a_record, an_owner, connect

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def backend(dynamodb_client: DynamoDBClient, table: str) -> DynamoDbBackend:
    return DynamoDbBackend(dynamodb_client, table)


@pytest.fixture(scope="module")
def counted(dynamodb_client: DynamoDBClient) -> Iterator[StandIn]:
    with StandIn(dynamodb_client.meta.endpoint_url).running() as stand_in:
        yield stand_in


@pytest.fixture
def item_of(dynamodb_client: DynamoDBClient, table: str) -> Callable[[TaskRecord], dict[str, Any]]:
    def read(record: TaskRecord) -> dict[str, Any]:
        key = {"PK": {"S": f"OWNER#{record.owner_id}"}, "SK": {"S": f"TASK#{record.task_id}"}}
        answer = dynamodb_client.get_item(TableName=table, Key=key)
        return dict(answer["Item"])

    return read


@pytest.fixture
def plant(dynamodb_client: DynamoDBClient, table: str) -> Callable[..., None]:
    """Write an item as the Rust crate does: keys, version, data, expires_at, and nothing else."""

    def write(owner_id: str, task_id: str, **attributes: Any) -> None:
        key = {"PK": {"S": f"OWNER#{owner_id}"}, "SK": {"S": f"TASK#{task_id}"}}
        dynamodb_client.put_item(TableName=table, Item={**key, **attributes})

    return write


def rust_json(owner_id: str, fraction: str = "", **fields: Any) -> str:
    record = {
        "task": {
            "taskId": "task",
            "status": "input_required",
            "createdAt": f"2026-02-23T10:30:00{fraction}Z",
            "lastUpdatedAt": f"2026-02-23T10:30:00{fraction}Z",
            "ttl": 60000,
        },
        "ownerId": owner_id,
        "variables": {"step": 1},
        "result": None,
        "requestMethod": "tools/call",
        "expiresAt": f"2026-02-23T10:31:00{fraction}Z",
        **fields,
    }
    return json.dumps(record)


# Items


def test_an_item_has_the_documented_attributes(
    backend: DynamoDbBackend, item_of: Callable[[TaskRecord], dict[str, Any]]
) -> None:
    record = a_record(an_owner(), expires_at=CREATED + timedelta(microseconds=1))
    backend.create(record)

    item = item_of(record)

    write_id = item.pop("write_id")["S"]
    assert len(write_id) == 32
    assert item == {
        "PK": {"S": f"OWNER#{record.owner_id}"},
        "SK": {"S": "TASK#task"},
        "owner_id": {"S": record.owner_id},
        "task_id": {"S": "task"},
        "status": {"S": "working"},
        "version": {"N": "1"},
        "data": {"S": record.to_json()},
        "expires_at": {"N": str(int(CREATED.timestamp()) + 1)},
    }
    backend.put_if_version(record, 1)
    assert item_of(record)["write_id"]["S"] != write_id


@pytest.mark.parametrize(
    ("expires_at", "attribute"),
    [
        (None, None),
        (CREATED, {"N": "1771842600"}),
        (CREATED + timedelta(microseconds=1), {"N": "1771842601"}),
        (CREATED + timedelta(microseconds=999_999), {"N": "1771842601"}),
        (datetime(1970, 1, 1, tzinfo=UTC), {"N": "0"}),
        (datetime(1969, 12, 31, 23, 59, 58, 1, tzinfo=UTC), {"N": "-1"}),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), {"N": "253402300800"}),
    ],
)
def test_the_expiry_is_stored_in_seconds_and_never_early(
    backend: DynamoDbBackend,
    item_of: Callable[[TaskRecord], dict[str, Any]],
    expires_at: datetime | None,
    attribute: dict[str, str] | None,
) -> None:
    record = a_record(an_owner(), expires_at=expires_at)
    backend.put(a_record(record.owner_id, expires_at=CREATED + 60 * SECOND))
    backend.put(record)
    assert item_of(record).get("expires_at") == attribute
    assert backend.get(record.owner_id, "task").record == record


@pytest.mark.parametrize("fraction", ["", ".123", ".123456", ".123456789"])
def test_an_item_of_the_rust_crate_is_read_and_rewritten(
    backend: DynamoDbBackend,
    plant: Callable[..., None],
    item_of: Callable[[TaskRecord], dict[str, Any]],
    fraction: str,
) -> None:
    owner_id = an_owner()
    extra = {"inputRequests": {"a": {"kind": "form"}}, "error": {"code": -32000, "message": "m"}}
    data = rust_json(owner_id, fraction, **extra)
    plant(owner_id, "task", version={"N": "7"}, data={"S": data}, expires_at={"N": "1771842660"})

    found = backend.get(owner_id, "task")
    assert found.version == 7
    assert [found] == backend.list_by_owner(owner_id)
    changed = found.record.model_copy(update={"variables": {"step": 2}})
    assert backend.put_if_version(changed, 7) == 8
    assert backend.put(changed) == 9

    stored = json.loads(item_of(changed)["data"]["S"])
    assert stored["variables"] == {"step": 2}
    assert {name: stored[name] for name in extra} == extra
    assert item_of(changed)["status"] == {"S": "input_required"}


def test_refusals_on_an_item_of_the_rust_crate(
    backend: DynamoDbBackend, plant: Callable[..., None]
) -> None:
    owner_id = an_owner()
    plant(owner_id, "task", version={"N": "7"}, data={"S": rust_json(owner_id)})
    with pytest.raises(ConcurrentModificationError) as conflict:
        backend.put_if_version(a_record(owner_id), 6)
    assert conflict.value.actual_version == 7
    with pytest.raises(AlreadyExistsError):
        backend.create(a_record(owner_id))


VERSION, DATA = {"N": "3"}, {"S": rust_json("another owner")}


@pytest.mark.parametrize(
    "attributes",
    [
        {"version": VERSION},
        {"data": DATA},
        {"version": VERSION, "data": {"B": b"{}"}},
        {"version": {"S": "3"}, "data": DATA},
        {"version": {"N": "0"}, "data": DATA},
        {"version": {"N": "-3"}, "data": DATA},
        {"version": {"N": "3.5"}, "data": DATA},
    ],
    ids=str,
)
def test_a_malformed_item_is_corrupt_for_reads_and_refused_writes(
    backend: DynamoDbBackend, plant: Callable[..., None], attributes: dict[str, Any]
) -> None:
    owner_id = an_owner()
    plant(owner_id, "task", **attributes)
    calls: list[Callable[[], object]] = [
        lambda: backend.get(owner_id, "task"),
        lambda: backend.list_by_owner(owner_id),
        lambda: backend.create(a_record(owner_id)),
        lambda: backend.put_if_version(a_record(owner_id), 9),
        lambda: backend.put(a_record(owner_id)),
    ]
    for call in calls:
        with pytest.raises(CorruptRecordError, match="version"):
            call()
    assert backend.delete(owner_id, "task") is True


@pytest.mark.parametrize("data", ["{", "[]", rust_json("another owner")])
def test_data_that_is_no_record_of_the_key_is_corrupt(
    backend: DynamoDbBackend, plant: Callable[..., None], data: str
) -> None:
    owner_id = an_owner()
    plant(owner_id, "task", version=VERSION, data={"S": data})
    with pytest.raises(CorruptRecordError):
        backend.get(owner_id, "task")
    with pytest.raises(CorruptRecordError):
        backend.list_by_owner(owner_id)


def test_nothing_but_tasks_of_the_partition_is_listed_or_counted(
    backend: DynamoDbBackend, dynamodb_client: DynamoDBClient, table: str
) -> None:
    owner_id = an_owner()
    backend.create(a_record(owner_id))
    for foreign in ("AAA", "TASK", "TASKS", "ZZZ"):
        item = {"PK": {"S": f"OWNER#{owner_id}"}, "SK": {"S": foreign}}
        dynamodb_client.put_item(TableName=table, Item=item)
    assert [f.record.task_id for f in backend.list_by_owner(owner_id)] == ["task"]
    assert backend.list_by_owner(owner_id, after="a") == []
    assert backend.count_by_owner(owner_id) == 1
    assert backend.count_by_owner(owner_id, live_at=CREATED) == 1


# Requests


def test_the_requests_of_each_operation(
    counted: StandIn, dynamodb_client: DynamoDBClient, table: str
) -> None:
    client = connect(counted.endpoint)
    owner_id = an_owner()
    record, other = a_record(owner_id), a_record(owner_id, "other")

    def requests(call: Callable[[], object], error: type[Exception] | None = None) -> list[str]:
        counted.requests.clear()
        if error is None:
            call()
        else:
            with pytest.raises(error):
                call()
        return counted.requests.copy()

    backend = DynamoDbBackend(client, table)
    assert counted.requests == []
    assert requests(lambda: backend.get(owner_id, "task"), NotFoundError) == ["GetItem"]
    assert requests(lambda: backend.put_if_version(record, 1), NotFoundError) == ["PutItem"]
    assert requests(lambda: backend.create(record)) == ["PutItem"]
    assert requests(lambda: backend.create(record), AlreadyExistsError) == ["PutItem"]
    assert requests(lambda: backend.get(owner_id, "task")) == ["GetItem"]
    assert requests(lambda: backend.put_if_version(record, 1)) == ["PutItem"]
    stale = requests(lambda: backend.put_if_version(record, 1), ConcurrentModificationError)
    assert stale == ["PutItem"]
    assert requests(lambda: backend.put(record)) == ["GetItem", "PutItem"]
    assert requests(lambda: backend.put(other)) == ["GetItem", "PutItem"]
    assert requests(lambda: backend.list_by_owner(owner_id)) == ["Query"]
    assert requests(lambda: backend.list_by_owner(owner_id, limit=2)) == ["Query"]
    assert requests(lambda: backend.count_by_owner(owner_id)) == ["Query"]
    assert requests(lambda: backend.count_by_owner(owner_id, live_at=CREATED)) == ["Query"]
    assert requests(lambda: backend.delete(owner_id, "task")) == ["DeleteItem"]
    assert requests(lambda: backend.delete(owner_id, "task")) == ["DeleteItem"]
    assert requests(backend.cleanup_expired) == []
    assert requests(backend.close) == []
    client.close()


def test_every_read_is_strongly_consistent(counted: StandIn, table: str) -> None:
    client = connect(counted.endpoint)
    backend, owner_id = DynamoDbBackend(client, table), an_owner()
    counted.bodies.clear()
    backend.put(a_record(owner_id))
    backend.get(owner_id, "task")
    backend.list_by_owner(owner_id)
    backend.count_by_owner(owner_id)
    backend.count_by_owner(owner_id, live_at=CREATED)
    reads = [body for body in counted.bodies if "Item" not in body]
    assert [body.get("ConsistentRead") for body in reads] == [True] * 5
    client.close()


def test_a_listing_larger_than_a_page_of_the_storage_is_complete(
    counted: StandIn, backend: DynamoDbBackend, table: str
) -> None:
    owner_id = an_owner()
    written = [a_record(owner_id, f"{n:02}", result="x" * 300_000) for n in range(9)]
    for record in written:
        backend.create(record)
    client = connect(counted.endpoint)
    through = DynamoDbBackend(client, table)
    counted.requests.clear()

    assert [found.record for found in through.list_by_owner(owner_id)] == written[::-1]
    assert counted.requests == ["Query"] * 3

    assert [found.record for found in through.list_by_owner(owner_id, limit=6)] == written[:2:-1]
    assert len(through.list_by_owner(owner_id, limit=6, after="06")) == 6
    assert through.list_by_owner(owner_id, after="00") == []
    counted.requests.clear()
    assert through.count_by_owner(owner_id) == 9
    assert through.count_by_owner(owner_id, live_at=CREATED) == 9
    assert counted.requests == ["Query"] * 6

    counted.requests.clear()
    assert through.count_by_owner(owner_id, at_most=2) == 2
    assert through.count_by_owner(owner_id, at_most=2, live_at=CREATED) == 2
    assert counted.requests == ["Query"] * 2
    client.close()


def test_a_limit_may_be_any_number(backend: DynamoDbBackend) -> None:
    owner_id = an_owner()
    backend.create(a_record(owner_id))
    assert len(backend.list_by_owner(owner_id, limit=2**63)) == 1
    assert backend.count_by_owner(owner_id, at_most=2**63) == 1
    assert backend.count_by_owner(owner_id, at_most=2**63, live_at=CREATED) == 1


# Counting


def test_a_count_equals_what_listing_and_is_expired_give(
    backend: DynamoDbBackend, plant: Callable[..., None]
) -> None:
    owner_id = an_owner()
    offsets = [-2_000_000, -1_000_000, -999_999, -1, 0, 1, 500_000, 999_999, 1_000_000, 1_000_001]
    for n, offset in enumerate(offsets):
        expires_at = CREATED + timedelta(microseconds=offset)
        backend.create(a_record(owner_id, f"ours-{n}", expires_at=expires_at))
        record = a_record(owner_id, f"rust-{n}", expires_at=expires_at)
        floor = {"N": str((expires_at - datetime(1970, 1, 1, tzinfo=UTC)) // SECOND)}
        data = {"S": record.to_json()}
        plant(owner_id, record.task_id, version=VERSION, data=data, expires_at=floor)
    backend.create(a_record(owner_id, "for ever"))
    listed = [found.record for found in backend.iter_by_owner(owner_id)]
    assert backend.count_by_owner(owner_id) == len(listed)

    for offset in [*offsets, -500_000, 5_000_000]:
        live_at = CREATED + timedelta(microseconds=offset)
        live = sum(not record.is_expired(live_at) for record in listed)
        assert backend.count_by_owner(owner_id, live_at=live_at) == live
        for at_most in (1, 4, live or 1, live + 1):
            count = backend.count_by_owner(owner_id, live_at=live_at, at_most=at_most)
            assert count == min(live, at_most)
    assert backend.count_by_owner(owner_id, at_most=4) == 4
    assert backend.count_by_owner(an_owner(), live_at=CREATED) == 0


def test_expired_records_do_not_cost_a_limited_count_a_request_each(
    counted: StandIn, backend: DynamoDbBackend, table: str
) -> None:
    owner_id = an_owner()
    for n in range(6):
        backend.create(a_record(owner_id, str(n), expires_at=CREATED if n else None))
    client = connect(counted.endpoint)
    counted.requests.clear()
    live_at = CREATED + 60 * SECOND
    assert DynamoDbBackend(client, table).count_by_owner(owner_id, live_at=live_at, at_most=1) == 1
    assert counted.requests == ["Query"] * 2
    client.close()


def test_counting_what_is_live_transfers_no_record_data(
    counted: StandIn, backend: DynamoDbBackend, table: str
) -> None:
    owner_id = an_owner()
    for n in range(5):
        expires_at = CREATED + n * 60 * SECOND
        backend.create(a_record(owner_id, str(n), result="secret", expires_at=expires_at))
    client = connect(counted.endpoint)
    bodies: list[bytes] = []

    def note(http_response: Any, **_: Any) -> None:
        bodies.append(http_response.content)

    client.meta.events.register(
        "needs-retry.dynamodb", lambda response, **_: note(response[0]), unique_id="test"
    )
    count = DynamoDbBackend(client, table).count_by_owner
    assert count(owner_id, live_at=CREATED + 90 * SECOND) == 3
    assert count(owner_id) == 5
    assert len(bodies) == 2
    assert not any(b"secret" in body for body in bodies)
    client.close()


# The client


@pytest.fixture
def no_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "PMCP_TABLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    return monkeypatch


def test_from_env_asks_for_a_region(no_aws_settings: pytest.MonkeyPatch) -> None:
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
    no_aws_settings: pytest.MonkeyPatch, tmp_path: Any, settings: dict[str, str], region: str
) -> None:
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-3\n")
    for name, value in settings.items():
        no_aws_settings.setenv(name, value)
    with DynamoDbBackend.from_env() as backend:
        assert backend._table.client.meta.region_name == region


def test_from_env_says_what_is_wrong_with_the_configuration(
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
        assert backend.create(a_record(an_owner())) == 1
    assert "'named'" in repr(DynamoDbBackend.from_env("named"))


def connections(client: DynamoDBClient) -> int:
    """The pools of connections that a client holds; closing one empties it."""
    return len(client._endpoint.http_session._manager.pools)


def test_close_leaves_a_given_client_open(dynamodb_client: DynamoDBClient, table: str) -> None:
    first, second = (DynamoDbBackend(dynamodb_client, table) for _ in range(2))
    first.list_by_owner(an_owner())
    first.close()
    first.close()
    for call in (lambda: first.get("o", "t"), first.verify, first.cleanup_expired):
        with pytest.raises(BackendError, match="closed"):
            call()
    assert connections(dynamodb_client) == 1
    assert second.list_by_owner(an_owner()) == []


def test_close_ends_a_client_of_its_own(
    no_aws_settings: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient, table: str
) -> None:
    no_aws_settings.setenv("AWS_REGION", "us-east-1")
    no_aws_settings.setenv("AWS_ENDPOINT_URL", dynamodb_client.meta.endpoint_url)
    backend = DynamoDbBackend.from_env(table)
    backend.list_by_owner(an_owner())
    client = backend._table.client
    assert connections(client) == 1
    backend.close()
    assert connections(client) == 0


def test_the_backend_is_a_public_name() -> None:
    assert pmcp_storage.DynamoDbBackend is DynamoDbBackend
