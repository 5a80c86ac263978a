"""RedisBackend on a server that is away, full, misconfigured or holds something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    RedisBackend,
    StorageFullError,
)
from support.backend_checks import check_corrupt_row
from support.records import make_record
from support.redis_server import RedisServer
from support.servers import free_port


def test_a_server_that_does_not_run_is_an_error_with_a_known_outcome() -> None:
    with RedisBackend.from_url(f"redis://127.0.0.1:{free_port()}") as backend:
        for operation in (backend.put, backend.create):
            with pytest.raises(BackendError, match="check that the server runs") as failed:
                operation(make_record())
            assert type(failed.value) is BackendError
            assert isinstance(failed.value.__cause__, redis.ConnectionError)


def test_a_handle_outlives_its_server(own_server: RedisServer) -> None:
    with RedisBackend.from_url(own_server.url) as backend:
        backend.create(make_record())
        own_server.kill()
        with pytest.raises(BackendError):
            backend.get("o", "t")
        own_server.start()
        assert backend.put(make_record()) == 2


def test_a_full_server_raises_storage_full_and_still_deletes(own_server: RedisServer) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        backend.create(make_record())
        client.config_set("maxmemory", "1")
        for write in (backend.put, lambda _: backend.create(make_record("new"))):
            with pytest.raises(StorageFullError, match="maxmemory") as failed:
                write(make_record())
            assert isinstance(failed.value.__cause__, redis.exceptions.OutOfMemoryError)
        assert backend.get("o", "t").version == 1
        assert [found.record.task_id for found in backend.list_by_owner("o")] == ["t"]
        assert backend.delete("o", "t")
        assert client.dbsize() == 0


def make_replica(client: Any) -> None:
    client.replicaof("127.0.0.1", str(free_port()))


def demand_password(client: Any) -> None:
    client.config_set("requirepass", "password")


def occupy_record_key(client: Any) -> None:
    client.set("pmcp:{o}:task:t", "a string")


def occupy_index_key(client: Any) -> None:
    client.set("pmcp:{o}:expiry", "a string")


@pytest.mark.parametrize(
    ("misconfigure", "message"),
    [
        (make_replica, "connect to the primary"),
        (demand_password, "password"),
        (occupy_record_key, "something else is stored under one of this backend's keys"),
        (occupy_index_key, "something else is stored under one of this backend's keys"),
    ],
)
def test_a_refusal_names_the_remedy_and_writes_nothing(
    own_server: RedisServer, misconfigure: Callable[[Any], None], message: str
) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        backend.create(make_record("other"))
        backend.delete("o", "other")
        misconfigure(client)
        client.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(BackendError, match=message) as failed:
            backend.create(make_record())
        assert type(failed.value) is BackendError
        assert isinstance(failed.value.__cause__, redis.RedisError)
        if misconfigure is occupy_index_key:
            assert not client.exists("pmcp:{o}:task:t")


def test_verify_lists_the_settings_that_may_lose_records(own_server: RedisServer) -> None:
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
    backend.create(make_record())
    key = backend.record_key("o", "t")
    for name, value in fields.items():
        client.hdel(key, name) if value is None else client.hset(key, name, value)
    with pytest.raises(AlreadyExistsError):
        backend.create(make_record())
    check_corrupt_row(backend)
