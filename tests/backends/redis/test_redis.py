"""RedisBackend: its operations, keys, listings and versions. The kit tests the contract."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import redis
from redis.crc import key_slot

from pmcp_storage import (
    ConcurrentModificationError,
    RedisBackend,
)
from support.backend_checks import check_every_operation
from support.records import make_record
from support.redis_proxy import RedisProxy, Verdict
from support.redis_server import RedisServer


def test_every_operation(backend: RedisBackend) -> None:
    check_every_operation(backend)


@pytest.mark.parametrize("options", [{}, {"decode_responses": True}, {"protocol": 2}])
def test_any_settings_of_the_client_work(
    redis_server: RedisServer, options: dict[str, Any]
) -> None:
    with redis_server.client(**options) as client:
        backend = RedisBackend(client, prefix=uuid4().hex)
        backend.create(make_record(variables={"é": "\U0001f600"}))
        assert backend.list_by_owner("o") == [backend.get("o", "t")]
        connection = client.client_id()
        backend.close()
        assert client.client_id() == connection


# redis-py wants its own object in place of the url's options, which no url can hold.
@pytest.mark.filterwarnings("ignore:Call to '__init__' function with deprecated usage")
@pytest.mark.parametrize(("options", "name"), [("", "redis-py"), ("?lib_name=mine", "mine")])
def test_the_server_is_told_of_the_client(proxy: RedisProxy, options: str, name: str) -> None:
    sent = list[bytes]()

    def note(request: bytes) -> Verdict:
        sent.append(request)
        return "pass"

    proxy.fault = note
    with RedisBackend.from_url(proxy.url + options) as backend:
        backend.count_by_owner("o")
    assert f"LIB-NAME\r\n${len(name)}\r\n{name}\r\n".encode() in b"".join(sent)


@pytest.mark.parametrize("prefix", ["", "a{b", "a}b"])
def test_a_prefix_that_could_make_keys_ambiguous_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix must be text without braces"):
        RedisBackend(redis.Redis(), prefix=prefix)


def test_an_async_client_is_refused() -> None:
    import redis.asyncio

    with pytest.raises(TypeError, match=r"not redis\.asyncio\.client\.Redis"):
        RedisBackend(redis.asyncio.Redis())  # type: ignore[arg-type]


def test_the_hash_is_readable_by_a_person(backend: RedisBackend, client: Any, prefix: str) -> None:
    expires_at = datetime(2126, 2, 23, 10, 30, 0, 1, tzinfo=UTC)
    backend.create(make_record("t:1", "a:b@c", expires_at=expires_at))
    fields = client.hgetall(f"{prefix}:{{a:b@c}}:task:t:1")
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


def test_unusual_owners_keep_to_one_slot_and_share_no_key(backend: RedisBackend) -> None:
    for owner_id in ODD_IDS:
        backend.create(make_record(owner_id, owner_id))
    for owner_id in ODD_IDS:
        assert [found.record.owner_id for found in backend.list_by_owner(owner_id)] == [owner_id]
        keys = (*backend.index_keys(owner_id), backend.record_key(owner_id, "}x{"))
        assert len({key_slot(key) for key in keys}) == 1
        assert backend.count_by_owner(owner_id) == 1


def test_listings_are_in_descending_order_by_code_point(backend: RedisBackend) -> None:
    ids = [*ODD_IDS, "\uffff", "\x01", "+", "-", "(a", "[a", "10", "9"]
    for task_id in ids:
        backend.create(make_record(task_id))
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
    backend.create(make_record())
    for version in (2**53, 2**53 + 1, 2**62 - 1):
        client.hset(backend.record_key("o", "t"), "version", str(version))
        for wrong in (version - 1, version + 1, 10**30):
            with pytest.raises(ConcurrentModificationError) as refused:
                backend.put_if_version(make_record(), wrong)
            assert refused.value.actual_version == version
        assert backend.put_if_version(make_record(), version) == version + 1
        assert backend.get("o", "t").version == version + 1
        assert backend.put(make_record()) == version + 2
