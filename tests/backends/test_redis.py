"""RedisBackend: round trips, lost answers, expiry and the index. The kit tests the contract."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from redis.crc import key_slot

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    OutcomeUnknownError,
    RedisBackend,
    StorageFullError,
    Task,
    TaskRecord,
    TaskStatus,
)
from support.redis_server import Proxy, RedisServer, free_port, redis_server

__all__ = ["redis_server"]

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)
PAST = datetime(1970, 1, 1, tzinfo=UTC)


def make(task_id: str = "t", owner_id: str = "o", **fields: Any) -> TaskRecord:
    task = Task(
        task_id=task_id, status=TaskStatus.WORKING, created_at=NOW, last_updated_at=NOW, ttl=None
    )
    return TaskRecord(task=task, owner_id=owner_id, request_method="tools/call", **fields)


@pytest.fixture
def backend(redis_server: RedisServer) -> Iterator[RedisBackend]:
    with RedisBackend.from_url(redis_server.url, prefix=f"test:{uuid4().hex}") as backend:
        yield backend


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Any]:
    with redis_server.client() as client:
        yield client


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[Proxy]:
    with Proxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
def through(backend: RedisBackend, proxy: Proxy) -> Iterator[RedisBackend]:
    with RedisBackend.from_url(proxy.url, prefix=backend._prefix) as through:
        # The server learns the scripts, so that none of them is sent twice in a test.
        through.create(make("warm"))
        through.list_by_owner("o")
        through.count_by_owner("o")
        through.delete("o", "warm")
        yield through


def keys_of(client: Any, backend: RedisBackend) -> set[bytes]:
    return set(client.scan_iter(f"{backend._prefix}:*"))


def test_every_operation(backend: RedisBackend) -> None:
    record = make(variables={"n": 1})
    assert backend.create(record) == 1
    with pytest.raises(AlreadyExistsError):
        backend.create(record)
    assert backend.put_if_version(make(variables={"n": 2}), 1) == 2
    assert backend.put(make(variables={"n": 3})) == 3
    with pytest.raises(ConcurrentModificationError) as refused:
        backend.put_if_version(record, 1)
    assert (refused.value.expected_version, refused.value.actual_version) == (1, 3)
    found = backend.get("o", "t")
    assert (found.record.variables, found.version) == ({"n": 3}, 3)
    assert backend.list_by_owner("o") == [found]
    assert backend.count_by_owner("o") == 1
    assert backend.delete("o", "t")
    assert not backend.delete("o", "t")
    with pytest.raises(NotFoundError):
        backend.get("o", "t")
    with pytest.raises(NotFoundError):
        backend.put_if_version(record, 3)
    assert backend.put(record) == 1
    assert backend.cleanup_expired() == 0


@pytest.mark.parametrize("options", [{}, {"decode_responses": True}, {"protocol": 2}])
def test_a_client_with_any_settings_works(
    redis_server: RedisServer, options: dict[str, Any]
) -> None:
    with redis_server.client(**options) as client:
        backend = RedisBackend(client, prefix=uuid4().hex)
        backend.create(make(variables={"é": "\U0001f600"}))
        assert backend.list_by_owner("o") == [backend.get("o", "t")]
        connection = client.client_id()
        backend.close()
        assert client.client_id() == connection


@pytest.mark.parametrize("prefix", ["", "a{b", "a}b"])
def test_a_prefix_that_could_mix_up_keys_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix must be text without braces"):
        RedisBackend(redis.Redis(), prefix=prefix)


def test_a_client_of_another_kind_is_refused() -> None:
    import redis.asyncio

    with pytest.raises(TypeError, match=r"not redis\.asyncio\.client\.Redis"):
        RedisBackend(redis.asyncio.Redis())  # type: ignore[arg-type]


def test_a_person_can_read_the_hash(backend: RedisBackend, client: Any) -> None:
    expires_at = datetime(2126, 2, 23, 10, 30, 0, 1, tzinfo=UTC)
    backend.create(make("t:1", "a:b@c", expires_at=expires_at))
    fields = client.hgetall(f"{backend._prefix}:{{a:b@c}}:task:t:1")
    assert fields.pop(b"data").startswith(b'{"task":{"taskId":"t:1"')
    assert re.fullmatch(b"[0-9a-f]{32}", fields.pop(b"write_id"))
    assert fields == {
        b"owner_id": b"a:b@c",
        b"task_id": b"t:1",
        b"status": b"working",
        b"version": b"1",
        b"expires_at": b"2126-02-23T10:30:00.000001+00:00",
    }


ODD_IDS = ["a", "A", "{", "}", "{}", "}{", "{a}", "a}:ids", "%7B", "\U0001f600", "é", "\r\n", " "]


def test_odd_owners_share_no_key_and_no_slot(backend: RedisBackend) -> None:
    for owner_id in ODD_IDS:
        backend.create(make(owner_id, owner_id))
    for owner_id in ODD_IDS:
        assert [found.record.owner_id for found in backend.list_by_owner(owner_id)] == [owner_id]
        keys = (*backend.index_keys(owner_id), backend.record_key(owner_id, "}x{"))
        assert len({key_slot(key) for key in keys}) == 1
        assert backend.count_by_owner(owner_id) == 1


def test_listings_are_in_descending_order_by_code_point(backend: RedisBackend) -> None:
    ids = [*ODD_IDS, "\uffff", "\x01", "+", "-", "(a", "[a", "10", "9"]
    for task_id in ids:
        backend.create(make(task_id))
    expected = sorted(ids, reverse=True)
    for size in (1, 4, 100):
        pages, after = [], None
        while page := backend.list_by_owner("o", limit=size, after=after):
            after = page[-1].record.task_id
            pages += [found.record.task_id for found in page]
        assert pages == expected
    absent = backend.list_by_owner("o", after="a0")
    assert [found.record.task_id for found in absent] == [i for i in expected if i < "a0"]


def test_versions_are_exact_up_to_2_62(backend: RedisBackend, client: Any) -> None:
    backend.create(make())
    for version in (2**53, 2**53 + 1, 2**62 - 1):
        client.hset(backend.record_key("o", "t"), "version", str(version))
        for wrong in (version - 1, version + 1, 10**30):
            with pytest.raises(ConcurrentModificationError) as refused:
                backend.put_if_version(make(), wrong)
            assert refused.value.actual_version == version
        assert backend.put_if_version(make(), version) == version + 1
        assert backend.get("o", "t").version == version + 1
        assert backend.put(make()) == version + 2


def calls(client: Any) -> tuple[int, int]:
    """How many scripts were called by digest, and by text."""
    stats = client.info("commandstats")
    by_digest, by_text = (stats.get(f"cmdstat_{name}", {}) for name in ("evalsha", "eval"))
    return by_digest.get("calls", 0), by_text.get("calls", 0)


def test_operations_take_one_round_trip_and_listings_two(
    backend: RedisBackend, through: RedisBackend, proxy: Proxy, client: Any
) -> None:
    for number in range(30):
        through.put(make(f"warm {number}"))
    through.delete("o", "warm 0")
    through.list_by_owner("o")
    requests: list[bytes] = []

    def note(request: bytes) -> str:
        requests.append(request)
        return "pass"

    proxy.fault = note
    operations: list[tuple[Callable[[], object], int, int]] = [
        (lambda: through.create(make()), 1, 1),
        (lambda: through.get("o", "t"), 1, 0),
        (lambda: through.put_if_version(make(), 1), 1, 1),
        (lambda: through.put_if_version(make("absent"), 1), 1, 1),
        (lambda: through.get("o", "absent"), 1, 0),
        (lambda: through.count_by_owner("o", live_at=NOW), 1, 1),
        (lambda: through.delete("o", "t"), 1, 1),
        (lambda: through.put(make()), 2, 1),
        (lambda: through.list_by_owner("o", limit=25), 2, 1),
    ]
    for number, (operation, round_trips, scripts) in enumerate(operations):
        before = calls(client)
        requests.clear()
        with contextlib.suppress(NotFoundError):
            operation()
        assert len(requests) == round_trips, number
        assert calls(client) == (before[0] + scripts, before[1]), number


def test_scripts_that_the_server_forgot_are_sent_again(backend: RedisBackend, client: Any) -> None:
    backend.create(make())
    client.script_flush()
    assert backend.put_if_version(make(), 1) == 2


# Expiry


def test_redis_expires_a_record_at_its_instant_rounded_up(
    backend: RedisBackend, client: Any
) -> None:
    exact = LATER.replace(microsecond=123_000)
    milliseconds = round(exact.timestamp() * 1000)
    for microseconds, expected in ((0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)):
        backend.put(make(expires_at=exact + timedelta(microseconds=microseconds)))
        expiry = client.pexpiretime(backend.record_key("o", "t"))
        assert expiry == milliseconds + expected
    backend.put(make())
    assert client.pexpiretime(backend.record_key("o", "t")) == -1


@pytest.mark.parametrize("year", [1, 1969, 1970])
def test_a_record_that_has_expired_when_written_is_gone_everywhere(
    backend: RedisBackend, client: Any, year: int
) -> None:
    backend.create(make("live"))
    gone = make(expires_at=datetime(year, 1, 1, tzinfo=UTC))
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
    backend.create(make(expires_at=last))
    assert backend.get("o", "t").record.expires_at == last
    assert backend.count_by_owner("o", live_at=last - timedelta(microseconds=1)) == 1
    assert backend.count_by_owner("o", live_at=last) == 0


def test_count_is_exact_to_the_microsecond(backend: RedisBackend) -> None:
    base = LATER.replace(microsecond=500_000)
    for number in range(-1500, 1501, 250):
        expires_at = base + timedelta(microseconds=number)
        backend.create(make(f"{number:+}", expires_at=expires_at))
    backend.create(make("never"))
    for number in range(-1502, 1503):
        live = sum(each > number for each in range(-1500, 1501, 250)) + 1
        at = base + timedelta(microseconds=number)
        if number % 250 in (0, 1, 249):
            assert backend.count_by_owner("o", live_at=at) == live, number
    assert backend.count_by_owner("o") == 14
    assert backend.count_by_owner("o", at_most=5) == 5
    edge = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    assert backend.count_by_owner("o", live_at=edge) == 1


def test_an_expired_record_leaves_nothing_behind(backend: RedisBackend, client: Any) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=40)
    for number in range(3):
        backend.put(make(str(number), expires_at=soon))
    while datetime.now(UTC) <= soon + timedelta(milliseconds=2):
        pass
    assert keys_of(client, backend) == set()


def expiry_of(client: Any, key: bytes) -> int:
    milliseconds: int = client.pexpiretime(key)
    return milliseconds


def test_the_index_lives_as_long_as_its_last_record(backend: RedisBackend, client: Any) -> None:
    ids, by_expiry = backend.index_keys("o")

    def lives_until() -> int:
        assert expiry_of(client, ids) == expiry_of(client, by_expiry)
        return expiry_of(client, ids)

    def until(record: TaskRecord) -> int:
        return expiry_of(client, backend.record_key("o", record.task_id))

    early, late = make("1", expires_at=LATER), make("2", expiresAt=LATER + timedelta(hours=1))
    backend.create(late)
    backend.create(early)
    assert lives_until() == until(late)
    backend.create(make("3"))
    assert lives_until() == -1
    backend.put(make("3", expires_at=LATER))
    assert lives_until() == until(late)
    backend.delete("o", "2")
    assert lives_until() == until(early)
    backend.delete("o", "1")
    backend.delete("o", "3")
    assert keys_of(client, backend) == set()


def test_dead_entries_leave_the_index_and_never_shorten_a_page(
    backend: RedisBackend, client: Any
) -> None:
    backend.create(make("0"))
    backend.create(make("5"))
    ids, by_expiry = backend.index_keys("o")
    client.zadd(ids, {f"5-{number}": 0 for number in range(1500)})
    client.zadd(by_expiry, {f"5-{number}": 1000 for number in range(1500)})
    assert backend.count_by_owner("o") == 2
    assert [found.record.task_id for found in backend.list_by_owner("o", limit=2)] == ["5", "0"]
    backend.put(make("5"))
    assert client.zcard(ids) == client.zcard(by_expiry) == 2


def test_records_removed_by_another_hand_never_shorten_a_page(
    backend: RedisBackend, client: Any
) -> None:
    for number in range(10):
        backend.create(make(str(number)))
    client.delete(*(backend.record_key("o", str(number)) for number in range(3, 9)))
    found = backend.list_by_owner("o", limit=3)
    assert [each.record.task_id for each in found] == ["9", "2", "1"]


# Answers that are lost


def once(verdict: str, then: Callable[[], object] = lambda: None) -> Callable[[bytes], str]:
    """A fault of the first script or read; `then` runs before the next one arrives."""
    verdicts = iter([verdict])

    def fault(request: bytes) -> str:
        if not any(name in request for name in (b"EVAL", b"HMGET")):
            return "pass"
        met = next(verdicts, None)
        if met is None:
            nonlocal then
            then()
            then = lambda: None  # noqa: E731
        return met or "pass"

    return fault


@pytest.mark.parametrize("verdict", ["lose", "refuse"])
def test_a_lost_exchange_is_made_good(
    backend: RedisBackend, through: RedisBackend, proxy: Proxy, verdict: str
) -> None:
    proxy.fault = once(verdict)
    assert through.create(make(variables={"n": 1})) == 1
    proxy.fault = once(verdict)
    assert through.put_if_version(make(variables={"n": 2}), 1) == 2
    proxy.fault = once(verdict)
    assert through.put(make(variables={"n": 3})) == 3
    proxy.fault = once(verdict)
    assert through.get("o", "t").record.variables == {"n": 3}
    proxy.fault = once(verdict)
    assert len(through.list_by_owner("o")) == 1
    assert backend.get("o", "t").version == 3


def test_a_lost_answer_to_a_delete_is_unknown(
    backend: RedisBackend, through: RedisBackend, proxy: Proxy
) -> None:
    backend.create(make())
    proxy.fault = once("lose")
    with pytest.raises(OutcomeUnknownError, match="is gone"):
        through.delete("o", "t")
    assert backend.count_by_owner("o") == 0
    backend.create(make())
    proxy.fault = once("refuse")
    assert through.delete("o", "t")


def test_another_s_equal_record_is_not_taken_for_ones_own(
    backend: RedisBackend, through: RedisBackend, proxy: Proxy
) -> None:
    backend.create(make())
    proxy.fault = once("refuse", then=lambda: backend.put(make()))
    with pytest.raises(ConcurrentModificationError) as refused:
        through.put_if_version(make(), 1)
    assert refused.value.actual_version == 2


def test_a_write_that_others_may_have_covered_is_unknown(
    backend: RedisBackend, through: RedisBackend, proxy: Proxy
) -> None:
    backend.create(make())
    proxy.fault = once("lose", then=lambda: backend.put(make()))
    with pytest.raises(OutcomeUnknownError, match="others have written since"):
        through.put_if_version(make(), 1)
    proxy.fault = once("lose", then=lambda: backend.delete("o", "t"))
    with pytest.raises(OutcomeUnknownError):
        through.put_if_version(make(), 3)
    proxy.fault = once("lose", then=lambda: backend.put(make()))
    with pytest.raises(OutcomeUnknownError):
        through.create(make())


def test_a_write_that_is_never_answered_is_unknown(
    backend: RedisBackend, through: RedisBackend, proxy: Proxy
) -> None:
    proxy.fault = lambda request: "lose" if b"EVAL" in request else "pass"
    writes: list[Callable[[], object]] = [
        lambda: through.create(make()),
        lambda: through.put_if_version(make(), 1),
        lambda: through.put(make()),
        lambda: through.delete("o", "t"),
    ]
    for write in writes:
        with pytest.raises(OutcomeUnknownError) as failed:
            write()
        assert isinstance(failed.value.__cause__, redis.RedisError)
    with pytest.raises(BackendError) as failed_read:
        through.list_by_owner("o")
    assert not isinstance(failed_read.value, OutcomeUnknownError)
    proxy.fault = lambda request: "pass"
    assert through.put(make()) == 1


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad\r\n\r\n", b"+OK\r\n", b":1\r\n", b"*2\r\n$"]
)
def test_an_answer_that_is_no_answer_of_redis(
    backend: RedisBackend, proxy: Proxy, garbage: bytes
) -> None:
    with redis.Redis(port=proxy.port, socket_timeout=0.2) as client:
        through = RedisBackend(client, backend._prefix)
        through.create(make())
        for version, rest in ((1, b""), (2, None)):
            mangled = [garbage]

            def mangle(
                answer: bytes, left: list[bytes] = mangled, rest: bytes | None = rest
            ) -> bytes:
                return left.pop() + (answer if rest is None else rest) if left else answer

            proxy.mangle = mangle
            assert through.put_if_version(make(), version) == version + 1
            assert through.get("o", "t").version == version + 1
            assert mangled == []


FAULTS = ("pass", "pass", "refuse", "lose")


def test_random_faults_lose_no_acknowledged_write(
    backend: RedisBackend, redis_server: RedisServer
) -> None:
    backend.create(make(variables={"by": ""}))

    def write(seed: int) -> tuple[list[int], int]:
        dice = random.Random(seed)
        acknowledged, unknown = [], 0
        with Proxy(redis_server.port) as proxy:
            proxy.fault = lambda request: dice.choice(FAULTS) if b"EVAL" in request else "pass"
            with RedisBackend.from_url(proxy.url, backend._prefix) as through:
                for _ in range(25):
                    try:
                        found = through.get("o", "t")
                        mine = make(variables={"by": f"{seed}"})
                        acknowledged.append(through.put_if_version(mine, found.version))
                    except ConcurrentModificationError:
                        continue
                    except OutcomeUnknownError:
                        unknown += 1
                    except BackendError:
                        continue
        return acknowledged, unknown

    with ThreadPoolExecutor(3) as threads:
        outcomes = list(threads.map(write, range(3)))
    versions = [version for acknowledged, _ in outcomes for version in acknowledged]
    assert len(versions) == len(set(versions)) > 10
    written = backend.get("o", "t").version - 1
    assert len(versions) <= written <= len(versions) + sum(unknown for _, unknown in outcomes)


def test_an_answer_out_of_step_is_not_shown(proxy: Proxy) -> None:
    with RedisBackend.from_url(proxy.url) as backend:
        proxy.mangle = lambda answer: b'{"secret": 1}\r\n'
        with pytest.raises(BackendError) as failed:
            backend.get("o", "t")
        assert "secret" not in f"{failed.value} {failed.value!r}"


def test_a_server_that_does_not_run_is_an_error_and_not_unknown(
    backend: RedisBackend,
) -> None:
    with RedisBackend.from_url(f"redis://127.0.0.1:{free_port()}") as nowhere:
        for operation in (nowhere.put, nowhere.create):
            with pytest.raises(BackendError, match="check that the server runs") as failed:
                operation(make())
            assert type(failed.value) is BackendError
            assert isinstance(failed.value.__cause__, redis.ConnectionError)


def test_a_handle_outlives_its_server(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    try:
        with RedisBackend.from_url(server.url) as backend:
            backend.create(make())
            server.stop()
            with pytest.raises(BackendError):
                backend.get("o", "t")
            server.start()
            assert backend.put(make()) == 2
    finally:
        server.stop()


# Servers that refuse


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()


def test_a_full_server_is_a_full_storage_and_still_deletes(own_server: RedisServer) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        backend.create(make())
        client.config_set("maxmemory", "1")
        for write in (backend.put, lambda _: backend.create(make("new"))):
            with pytest.raises(StorageFullError, match="maxmemory") as failed:
                write(make())
            assert isinstance(failed.value.__cause__, redis.exceptions.OutOfMemoryError)
        assert backend.get("o", "t").version == 1
        assert [found.record.task_id for found in backend.list_by_owner("o")] == ["t"]
        assert backend.delete("o", "t")
        assert keys_of(client, backend) == set()


def make_replica(client: Any) -> None:
    client.replicaof("127.0.0.1", str(free_port()))


def demand_password(client: Any) -> None:
    client.config_set("requirepass", "password")


def seize_record(client: Any) -> None:
    client.set("pmcp:{o}:task:t", "a string")


def seize_index(client: Any) -> None:
    client.set("pmcp:{o}:expiry", "a string")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (make_replica, "connect to the primary"),
        (demand_password, "password"),
        (seize_record, "something else is stored under one of this backend's keys"),
        (seize_index, "something else is stored under one of this backend's keys"),
    ],
)
def test_a_refusal_says_what_to_do_and_writes_nothing(
    own_server: RedisServer, spoil: Callable[[Any], None], words: str
) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        backend.create(make("other"))
        backend.delete("o", "other")
        spoil(client)
        client.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(BackendError, match=words) as failed:
            backend.create(make())
        assert type(failed.value) is BackendError
        assert isinstance(failed.value.__cause__, redis.RedisError)
        if spoil is seize_index:
            assert not client.exists("pmcp:{o}:task:t")


def test_verify_lists_what_may_lose_records(own_server: RedisServer) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        backend.verify()
        client.config_set("appendfsync", "everysec")
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(BackendError) as failed:
            backend.verify()
        assert "appendfsync is everysec, not always" in str(failed.value)
        assert "maxmemory-policy is allkeys-lru, not noeviction" in str(failed.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"data": "secret"},
        {"data": b"\xff secret"},
        {"data": '{"task": {}, "secret": 1}'},
        {"version": "secret"},
        {"version": "0"},
        {"version": None},
        {"data": None},
    ],
)
def test_a_corrupt_row_is_named_and_can_be_deleted(
    backend: RedisBackend, client: Any, fields: dict[str, Any]
) -> None:
    backend.create(make())
    key = backend.record_key("o", "t")
    for name, value in fields.items():
        client.hdel(key, name) if value is None else client.hset(key, name, value)
    for operation in (lambda: backend.get("o", "t"), lambda: backend.list_by_owner("o")):
        with pytest.raises(CorruptRecordError) as refused:
            operation()
        assert (refused.value.owner_id, refused.value.task_id) == ("o", "t")
        assert "secret" not in f"{refused.value} {refused.value!r}"
    with pytest.raises(AlreadyExistsError):
        backend.create(make())
    assert backend.delete("o", "t")
    assert backend.list_by_owner("o") == []


# Many at once, and the end


def increment(url: str, prefix: str, times: int) -> None:
    with RedisBackend.from_url(url, prefix) as backend:
        for _ in range(times):
            while True:
                found = backend.get("o", "t")
                count = found.record.variables["n"] + 1
                try:
                    backend.put_if_version(make(variables={"n": count}), found.version)
                except ConcurrentModificationError:
                    continue
                break


def test_processes_lose_no_increment(backend: RedisBackend, redis_server: RedisServer) -> None:
    backend.create(make(variables={"n": 0}))
    context = multiprocessing.get_context("spawn")
    arguments = (redis_server.url, backend._prefix, 20)
    workers = [context.Process(target=increment, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    found = backend.get("o", "t")
    assert (found.record.variables["n"], found.version) == (60, 61)


def test_of_many_threads_one_creates_and_each_version_is_put_once(backend: RedisBackend) -> None:
    def create(_: int) -> bool:
        try:
            return backend.create(make()) == 1
        except AlreadyExistsError:
            return False

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(create, range(64))) == 1
        versions = list(threads.map(lambda _: backend.put(make()), range(64)))
    assert sorted(versions) == list(range(2, 66))


def test_a_killed_server_keeps_what_it_acknowledged(own_server: RedisServer) -> None:
    with RedisBackend.from_url(own_server.url) as backend:
        for number in range(50):
            backend.put(make(str(number % 7)))
        before = backend.list_by_owner("o")
        own_server.stop()
        own_server.start()
        assert backend.list_by_owner("o") == before


def sockets() -> int:
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return sum(os.path.islink(link) and "socket" in os.readlink(link) for link in links)


def test_a_closed_handle_leaves_no_socket_and_says_so(redis_server: RedisServer) -> None:
    before = sockets(), threading.active_count()
    backend = RedisBackend.from_url(redis_server.url, prefix=uuid4().hex)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: backend.put(make(str(number))), range(40)))
    backend.close()
    backend.close()
    assert (sockets(), threading.active_count()) == before
    with pytest.raises(BackendError, match="closed"):
        backend.get("o", "0")


def test_a_connection_that_is_in_use_at_the_close_is_closed_after_it(
    redis_server: RedisServer,
) -> None:
    before = sockets()
    backend = RedisBackend.from_url(redis_server.url)
    with backend._calls._connection(b"") as connection:
        backend.close()
        connection.connect()
    assert sockets() == before


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Two nodes of a Redis Cluster, each with half of the slots."""
    with contextlib.ExitStack() as running:
        nodes, bus_ports = [], []
        for slots in (("0", "8191"), ("8192", "16383")):
            bus_ports.append(free_port())
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus_ports[-1]))
            nodes.append(RedisServer(tmp_path_factory.mktemp("node"), *options))
            running.callback(nodes[-1].stop)
            with nodes[-1].client() as client:
                client.execute_command("CLUSTER ADDSLOTSRANGE", *slots)
        with nodes[0].client() as client:
            client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[1].port, bus_ports[1])
        for node in nodes:
            wait_until_ready(node)
        yield nodes


def wait_until_ready(node: RedisServer) -> None:
    deadline = time.monotonic() + 20
    with node.client() as client:
        while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            assert time.monotonic() < deadline, "the cluster does not come up"


def test_a_cluster_holds_owners_on_all_its_nodes(cluster: list[RedisServer]) -> None:
    with redis.RedisCluster(port=cluster[0].port, host="127.0.0.1") as client:
        backend = RedisBackend(client, prefix=uuid4().hex)
        owners = [f"owner {number}" for number in range(20)]
        for owner_id in owners:
            assert backend.create(make("1", owner_id, expires_at=LATER)) == 1
            assert backend.put(make("2", owner_id)) == 1
            assert backend.put_if_version(make("2", owner_id), 1) == 2
        for owner_id in owners:
            found = backend.list_by_owner(owner_id)
            assert [each.record.task_id for each in found] == ["2", "1"]
            assert backend.count_by_owner(owner_id, live_at=NOW) == 2
            assert backend.delete(owner_id, "1")
        backend.verify()
    for node in cluster:
        with node.client() as client:
            assert client.dbsize() > 0


def test_a_slot_that_moved_is_found_again(cluster: list[RedisServer]) -> None:
    with redis.RedisCluster(port=cluster[0].port, host="127.0.0.1") as client:
        backend = RedisBackend(client, prefix=uuid4().hex)
        key = backend.record_key("o", "t")
        slot = key_slot(key)
        old, new = cluster if slot < 8192 else reversed(cluster)
        with new.client() as target, old.client() as source:
            node_id = target.execute_command("CLUSTER MYID")
            for node in (target, source):
                node.execute_command("CLUSTER SETSLOT", slot, "NODE", node_id)
        assert backend.put(make()) == 1
        with new.client() as target:
            assert target.exists(key)


def test_a_plain_client_of_a_cluster_is_told_so(cluster: list[RedisServer]) -> None:
    def put(node: RedisServer) -> int:
        with RedisBackend.from_url(node.url, prefix="plain") as backend:
            return backend.put(make())

    with pytest.raises(BackendError, match=r"hand in a redis\.RedisCluster"):
        [put(node) for node in cluster]
