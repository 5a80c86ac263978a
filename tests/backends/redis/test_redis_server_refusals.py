"""RedisBackend where the server refuses: nothing is lost, and what is said is true."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from pmcp_storage import (
    BackendError,
    RedisBackend,
    StorageError,
)
from support.records import make_record
from support.redis_server import RedisServer, server_program
from support.redis_writes import writes
from support.servers import free_port

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)
STEPS = ["zadd", "zrem", "hset", "del", "pexpireat", "persist", "zrangebyscore", "zrevrange"]


def contents(client: Any) -> dict[bytes, tuple[Any, int]]:
    values = {}
    for key in client.scan_iter():
        is_hash = client.type(key) == b"hash"
        value = client.hgetall(key) if is_hash else client.zrange(key, 0, -1, withscores=True)
        values[key] = value, client.pexpiretime(key)
    return values


def furnish(client: Any, backend: RedisBackend) -> None:
    """A record to write to, another one, and entries of the index that are dead."""
    client.flushall()
    backend.create(make_record())
    backend.create(make_record("other", expires_at=LATER))
    ids, expiry = backend.index_keys("o")
    client.zadd(ids, {"dead": 0})
    client.zadd(expiry, {"dead": 1})


@pytest.mark.parametrize("write", writes(None))  # type: ignore[arg-type]
def test_a_user_who_may_not_take_one_step_takes_none(own_server: RedisServer, write: str) -> None:
    refused = set()
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        for step in STEPS:
            furnish(client, backend)
            before = contents(client)
            client.execute_command("ACL SETUSER", "default", f"-{step}")
            error = failure_of(writes(backend)[write])
            client.execute_command("ACL SETUSER", "default", "+@all")
            if error is not None:
                assert type(error) is BackendError
                assert "ACL SETUSER" in str(error)
                assert contents(client) == before, step
                refused.add(step)
    assert "zrem" in refused


def failure_of(call: Callable[[], object]) -> StorageError | None:
    try:
        call()
    except StorageError as error:
        return error
    return None


def test_the_documented_permissions_suffice(own_server: RedisServer) -> None:
    text = (Path(__file__).parents[3] / "docs" / "redis.md").read_text()
    (line,) = re.findall("^ACL SETUSER .*$", text, re.MULTILINE)
    with own_server.client() as client:
        client.execute_command(*line.split())
    url = own_server.url.replace("redis://", "redis://tasks:password@")
    with RedisBackend.from_url(url) as backend:
        backend.verify()
        backend.create(make_record())
        for write in writes(backend).values():
            assert not isinstance(failure_of(write), BackendError)
        backend.put(make_record(expires_at=LATER))
        backend.put(make_record())
        assert backend.list_by_owner("o")[0] == backend.get("o", "t")
        assert backend.count_by_owner("o", live_at=NOW) == 2
        assert backend.delete("o", "t")


def lack_replicas(client: Any) -> None:
    client.config_set("min-replicas-to-write", 1)


def become_replica(client: Any) -> None:
    client.replicaof("127.0.0.1", str(free_port()))


def run_out_of_memory(client: Any) -> None:
    client.config_set("maxmemory", 1)


@pytest.mark.parametrize("spoil", [lack_replicas, become_replica])
def test_a_server_that_takes_no_writes_changes_nothing_and_reads_on(
    own_server: RedisServer, spoil: Callable[[Any], None]
) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        furnish(client, backend)
        spoil(client)
        before = contents(client)
        for name, write in writes(backend).items():
            with pytest.raises(BackendError) as failed:
                write()
            assert type(failed.value) is BackendError, name
        assert contents(client) == before
        assert backend.get("o", "t").version == 1
        assert [found.record.task_id for found in backend.list_by_owner("o")] == ["t", "other"]
        assert backend.count_by_owner("o") == 2
        assert contents(client) == before


def test_a_full_server_changes_nothing(own_server: RedisServer) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        backend.create(make_record())
        run_out_of_memory(client)
        before = contents(client)
        calls = writes(backend)
        for name in ("overwrite", "set an expiry", "create"):
            with pytest.raises(Exception, match="maxmemory"):
                calls[name]()
            assert contents(client) == before, name
        assert backend.list_by_owner("o") == [backend.get("o", "t")]


def test_reads_do_not_wait_where_writes_are_paused(
    backend: RedisBackend, redis_server: RedisServer
) -> None:
    backend.create(make_record())
    assert len(backend.list_by_owner("o")) == backend.count_by_owner("o")  # the server knows them
    with redis_server.client(socket_timeout=1) as client:
        client.execute_command("CLIENT PAUSE", 60_000, "WRITE")
        try:
            with RedisBackend(client, backend._prefix) as hasty:
                assert len(hasty.list_by_owner("o")) == hasty.count_by_owner("o") == 1
        finally:
            client.client_unpause()


# Writes that cannot have been executed


@contextmanager
def sentinel_of(server: RedisServer, folder: Path) -> Iterator[int]:
    """The port of a Sentinel that watches the server under the name primary."""
    program, port = server_program(), free_port()
    assert program is not None
    configuration = folder / "sentinel.conf"
    configuration.write_text(f"sentinel monitor primary 127.0.0.1 {server.port} 1\n")
    command = [program, str(configuration), "--sentinel", "--bind", "127.0.0.1"]
    command += ["--port", str(port), "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert any("+monitor" in line for line in process.stdout)
            yield port
        finally:
            process.kill()


def test_a_demoted_primary_of_a_sentinel_has_refused(
    own_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with sentinel_of(own_server, tmp_path_factory.mktemp("sentinel")) as port:
        make_sentinel: Any = redis.Sentinel
        sentinel = make_sentinel([("127.0.0.1", port)], socket_timeout=2)
        with RedisBackend(sentinel.master_for("primary", socket_timeout=2)) as backend:
            backend.create(make_record())
            with own_server.client() as client:
                become_replica(client)
            with pytest.raises(BackendError, match="connect to the primary") as failed:
                backend.put_if_version(make_record(), 1)
            assert type(failed.value) is BackendError


def test_a_write_that_was_not_sent_in_full_is_not_unknown(own_server: RedisServer) -> None:
    url = f"{own_server.url}?socket_timeout=0.2"
    with RedisBackend.from_url(url) as hasty, RedisBackend.from_url(own_server.url) as backend:
        hasty.create(make_record())
        os.kill(own_server._process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(BackendError) as failed:
                hasty.put_if_version(make_record(result="x" * 20_000_000), 1)
            assert type(failed.value) is BackendError
        finally:
            os.kill(own_server._process.pid, signal.SIGCONT)
        assert backend.get("o", "t").version == 1


def test_a_server_with_too_many_clients_has_refused(own_server: RedisServer) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        client.config_set("maxclients", 1)
        with pytest.raises(BackendError, match="maxclients") as failed:
            backend.create(make_record())
        assert type(failed.value) is BackendError
