"""Records of RedisBackend that expire, and the index that must not outlive them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pmcp_storage import (
    NotFoundError,
    RedisBackend,
)
from support.records import make_record

LATER = datetime.now(UTC) + timedelta(hours=1)


def test_redis_expires_a_record_at_its_instant_rounded_up(
    backend: RedisBackend, client: Any
) -> None:
    exact = LATER.replace(microsecond=123_000)
    milliseconds = round(exact.timestamp() * 1000)
    for microseconds, expected in ((0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)):
        backend.put(make_record(expires_at=exact + timedelta(microseconds=microseconds)))
        expiry = client.pexpiretime(backend.record_key("o", "t"))
        assert expiry == milliseconds + expected
    backend.put(make_record())
    assert client.pexpiretime(backend.record_key("o", "t")) == -1


@pytest.mark.parametrize("year", [1, 1969, 1970])
def test_a_record_written_after_its_expiry_is_found_nowhere(
    backend: RedisBackend, client: Any, year: int
) -> None:
    backend.create(make_record("live"))
    gone = make_record(expires_at=datetime(year, 1, 1, tzinfo=UTC))
    assert backend.create(gone) == 1
    assert backend.create(gone) == 1
    assert [found.record.task_id for found in backend.list_by_owner("o")] == ["live"]
    assert backend.count_by_owner("o") == 1
    with pytest.raises(NotFoundError):
        backend.get("o", "t")
    with pytest.raises(NotFoundError):
        backend.put_if_version(gone, 1)
    assert not backend.delete("o", "t")
    assert client.zrange(backend.index_keys("o")[0], 0, -1) == [b"live"]


def test_an_expiry_in_9999_is_kept(backend: RedisBackend) -> None:
    last = datetime.max.replace(tzinfo=UTC)
    backend.create(make_record(expires_at=last))
    assert backend.get("o", "t").record.expires_at == last
    assert backend.count_by_owner("o", live_at=last - timedelta(microseconds=1)) == 1
    assert backend.count_by_owner("o", live_at=last) == 0


def test_count_is_exact_to_the_microsecond(backend: RedisBackend) -> None:
    base = LATER.replace(microsecond=500_000)
    for number in range(-1500, 1501, 250):
        expires_at = base + timedelta(microseconds=number)
        backend.create(make_record(f"{number:+}", expires_at=expires_at))
    backend.create(make_record("never"))
    for number in range(-1502, 1503):
        live = sum(each > number for each in range(-1500, 1501, 250)) + 1
        at = base + timedelta(microseconds=number)
        if number % 250 in (0, 1, 249):
            assert backend.count_by_owner("o", live_at=at) == live, number
    assert backend.count_by_owner("o") == 14
    assert backend.count_by_owner("o", at_most=5) == 5
    edge = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    assert backend.count_by_owner("o", live_at=edge) == 1


def test_an_expired_record_leaves_nothing_behind(
    backend: RedisBackend, client: Any, prefix: str
) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=40)
    for number in range(3):
        backend.put(make_record(str(number), expires_at=soon))
    while datetime.now(UTC) <= soon + timedelta(milliseconds=2):
        pass
    assert list(client.scan_iter(f"{prefix}:*")) == []


def test_the_index_lives_as_long_as_its_last_record(
    backend: RedisBackend, client: Any, prefix: str
) -> None:
    ids, by_expiry = backend.index_keys("o")

    def index_expiry() -> int:
        assert client.pexpiretime(ids) == client.pexpiretime(by_expiry)
        return int(client.pexpiretime(ids))

    def expiry(task_id: str) -> int:
        return int(client.pexpiretime(backend.record_key("o", task_id)))

    early, late = (
        make_record("1", expires_at=LATER),
        make_record("2", expires_at=LATER + timedelta(hours=1)),
    )
    backend.create(late)
    backend.create(early)
    assert index_expiry() == expiry("2")
    backend.create(make_record("3"))
    assert index_expiry() == -1
    backend.put(make_record("3", expires_at=LATER))
    assert index_expiry() == expiry("2")
    backend.delete("o", "2")
    assert index_expiry() == expiry("1")
    backend.delete("o", "1")
    backend.delete("o", "3")
    assert list(client.scan_iter(f"{prefix}:*")) == []


def test_entries_of_expired_records_leave_the_index_and_never_shorten_a_page(
    backend: RedisBackend, client: Any
) -> None:
    backend.create(make_record("0"))
    backend.create(make_record("5"))
    ids, by_expiry = backend.index_keys("o")
    client.zadd(ids, {f"5-{number}": 0 for number in range(1500)})
    client.zadd(by_expiry, {f"5-{number}": 1000 for number in range(1500)})
    assert backend.count_by_owner("o") == 2
    assert [found.record.task_id for found in backend.list_by_owner("o", limit=2)] == ["5", "0"]
    backend.put(make_record("5"))
    assert client.zcard(ids) == client.zcard(by_expiry) == 2


def test_records_removed_behind_the_backend_never_shorten_a_page(
    backend: RedisBackend, client: Any
) -> None:
    for number in range(10):
        backend.create(make_record(str(number)))
    client.delete(*(backend.record_key("o", str(number)) for number in range(3, 9)))
    found = backend.list_by_owner("o", limit=3)
    assert [each.record.task_id for each in found] == ["9", "2", "1"]
