"""The requests that DynamoDbBackend sends: their number, and what they transfer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    DynamoDbBackend,
    NotFoundError,
)
from support.dynamodb_proxy import DynamoDbProxy
from support.dynamodb_support import OpenThrough, connect, new_owner
from support.records import NOW, make_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)


def test_the_requests_of_each_operation(proxy: DynamoDbProxy, through: OpenThrough) -> None:
    owner_id = new_owner()
    record, other = make_record(owner_id=owner_id), make_record("other", owner_id)

    def requests(call: Callable[[], object], error: type[Exception] | None = None) -> list[str]:
        proxy.requests.clear()
        with pytest.raises(error) if error else nullcontext():
            call()
        return proxy.requests.copy()

    backend = through()
    assert proxy.requests == []
    assert requests(lambda: backend.get(owner_id, "t"), NotFoundError) == ["GetItem"]
    assert requests(lambda: backend.put_if_version(record, 1), NotFoundError) == ["PutItem"]
    assert requests(lambda: backend.create(record)) == ["PutItem"]
    assert requests(lambda: backend.create(record), AlreadyExistsError) == ["PutItem"]
    assert requests(lambda: backend.get(owner_id, "t")) == ["GetItem"]
    assert requests(lambda: backend.put_if_version(record, 1)) == ["PutItem"]
    stale = requests(lambda: backend.put_if_version(record, 1), ConcurrentModificationError)
    assert stale == ["PutItem"]
    assert requests(lambda: backend.put(record)) == ["GetItem", "PutItem"]
    assert requests(lambda: backend.put(other)) == ["GetItem", "PutItem"]
    assert requests(lambda: backend.list_by_owner(owner_id)) == ["Query"]
    assert requests(lambda: backend.list_by_owner(owner_id, limit=2)) == ["Query"]
    assert requests(lambda: backend.count_by_owner(owner_id)) == ["Query"]
    assert requests(lambda: backend.count_by_owner(owner_id, live_at=NOW)) == ["Query"]
    assert requests(lambda: backend.delete(owner_id, "t")) == ["DeleteItem"]
    assert requests(lambda: backend.delete(owner_id, "t")) == ["DeleteItem"]
    assert requests(backend.cleanup_expired) == []
    assert requests(backend.close) == []


def test_every_read_is_strongly_consistent(proxy: DynamoDbProxy, through: OpenThrough) -> None:
    backend, owner_id = through(), new_owner()
    backend.put(make_record(owner_id=owner_id))
    backend.get(owner_id, "t")
    backend.list_by_owner(owner_id)
    backend.count_by_owner(owner_id)
    backend.count_by_owner(owner_id, live_at=NOW)
    reads = [body for body in proxy.bodies if "Item" not in body]
    assert [body.get("ConsistentRead") for body in reads] == [True] * 5


def test_a_listing_larger_than_a_page_of_the_storage_is_complete(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    owner_id = new_owner()
    written = [make_record(f"{n:02}", owner_id, result="x" * 300_000) for n in range(9)]
    for record in written:
        direct.create(record)
    backend = through()

    assert [found.record for found in backend.list_by_owner(owner_id)] == written[::-1]
    assert proxy.requests == ["Query"] * 3

    assert [found.record for found in backend.list_by_owner(owner_id, limit=6)] == written[:2:-1]
    assert len(backend.list_by_owner(owner_id, limit=6, after="06")) == 6
    assert backend.list_by_owner(owner_id, after="00") == []
    proxy.requests.clear()
    assert backend.count_by_owner(owner_id) == 9
    assert backend.count_by_owner(owner_id, live_at=NOW) == 9
    assert proxy.requests == ["Query"] * 6

    proxy.requests.clear()
    assert backend.count_by_owner(owner_id, at_most=2) == 2
    assert backend.count_by_owner(owner_id, at_most=2, live_at=NOW) == 2
    assert proxy.requests == ["Query"] * 2


def test_a_limit_may_be_any_number(backend: DynamoDbBackend) -> None:
    owner_id = new_owner()
    backend.create(make_record(owner_id=owner_id))
    assert len(backend.list_by_owner(owner_id, limit=2**63)) == 1
    assert backend.count_by_owner(owner_id, at_most=2**63) == 1
    assert backend.count_by_owner(owner_id, at_most=2**63, live_at=NOW) == 1


def test_a_count_agrees_with_a_listing_and_is_expired(
    backend: DynamoDbBackend, plant: Callable[..., None]
) -> None:
    owner_id = new_owner()
    offsets = [-2_000_000, -1_000_000, -999_999, -1, 0, 1, 500_000, 999_999, 1_000_000, 1_000_001]
    for n, offset in enumerate(offsets):
        expires_at = NOW + timedelta(microseconds=offset)
        backend.create(make_record(f"ours-{n}", owner_id, expires_at=expires_at))
        record = make_record(f"rust-{n}", owner_id, expires_at=expires_at)
        floor = {"N": str((expires_at - datetime(1970, 1, 1, tzinfo=UTC)) // SECOND)}
        data = {"S": record.to_json()}
        plant(owner_id, record.task_id, version={"N": "3"}, data=data, expires_at=floor)
    backend.create(make_record("for ever", owner_id))
    listed = [found.record for found in backend.iter_by_owner(owner_id)]
    assert backend.count_by_owner(owner_id) == len(listed)

    for offset in [*offsets, -500_000, 5_000_000]:
        live_at = NOW + timedelta(microseconds=offset)
        live = sum(not record.is_expired(live_at) for record in listed)
        assert backend.count_by_owner(owner_id, live_at=live_at) == live
        for at_most in (1, 4, live or 1, live + 1):
            count = backend.count_by_owner(owner_id, live_at=live_at, at_most=at_most)
            assert count == min(live, at_most)
    assert backend.count_by_owner(owner_id, at_most=4) == 4
    assert backend.count_by_owner(new_owner(), live_at=NOW) == 0


def test_expired_records_do_not_cost_a_limited_count_a_request_each(
    proxy: DynamoDbProxy, through: OpenThrough, direct: DynamoDbBackend
) -> None:
    owner_id = new_owner()
    for n in range(6):
        direct.create(make_record(str(n), owner_id, expires_at=NOW if n else None))
    live_at = NOW + 60 * SECOND
    assert through().count_by_owner(owner_id, live_at=live_at, at_most=1) == 1
    assert proxy.requests == ["Query"] * 2


def test_counting_unexpired_records_transfers_no_record_data(
    dynamodb_client: DynamoDBClient, backend: DynamoDbBackend, table: str
) -> None:
    owner_id = new_owner()
    for n in range(5):
        expires_at = NOW + n * 60 * SECOND
        backend.create(make_record(str(n), owner_id, result="secret", expires_at=expires_at))
    bodies: list[bytes] = []

    def note(response: Any, **_: Any) -> None:
        bodies.append(response[0].content)

    client = connect(dynamodb_client.meta.endpoint_url)
    client.meta.events.register("needs-retry.dynamodb", note, unique_id="test")
    count = DynamoDbBackend(client, table).count_by_owner
    assert count(owner_id, live_at=NOW + 90 * SECOND) == 3
    assert count(owner_id) == 5
    assert len(bodies) == 2
    assert not any(b"secret" in body for body in bodies)
    client.close()
