"""RedisBackend where the server refuses: nothing is lost, and what is said is true."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from pmcp_storage import (
    BackendError,
    NotFoundError,
    RedisBackend,
    StorageError,
    Task,
    TaskRecord,
    TaskStatus,
)
from support.redis_server import RedisServer, server_program
from support.servers import free_port

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)
STEPS = ["zadd", "zrem", "hset", "del", "pexpireat", "persist", "zrangebyscore", "zrevrange"]


def make(task_id: str = "t", **fields: Any) -> TaskRecord:
    task = Task(
        task_id=task_id, status=TaskStatus.WORKING, created_at=NOW, last_updated_at=NOW, ttl=None
    )
    return TaskRecord(task=task, owner_id="o", request_method="tools/call", **fields)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def backend(redis_server: RedisServer) -> Iterator[RedisBackend]:
    with RedisBackend.from_url(redis_server.url, prefix=uuid4().hex) as backend:
        yield backend


def contents(client: Any) -> dict[bytes, tuple[Any, int]]:
    values = {}
    for key in client.scan_iter():
        is_hash = client.type(key) == b"hash"
        value = client.hgetall(key) if is_hash else client.zrange(key, 0, -1, withscores=True)
        values[key] = value, client.pexpiretime(key)
    return values


def writes(backend: RedisBackend) -> dict[str, Callable[[], object]]:
    return {
        "overwrite": lambda: backend.put_if_version(make(variables={"n": 2}), 1),
        "set an expiry": lambda: backend.put_if_version(make(expires_at=LATER), 1),
        "write an expired record": lambda: backend.put_if_version(make(expires_at=NOW), 1),
        "create": lambda: backend.create(make("new", expires_at=LATER)),
        "delete": lambda: backend.delete("o", "t"),
    }


def furnish(client: Any, backend: RedisBackend) -> None:
    """A record to write to, another one, and entries of the index that are dead."""
    client.flushall()
    backend.create(make())
    backend.create(make("other", expires_at=LATER))
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
        backend.create(make())
        for write in writes(backend).values():
            assert not isinstance(failure_of(write), BackendError)
        backend.put(make(expires_at=LATER))
        backend.put(make())
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
        backend.create(make())
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
    backend.create(make())
    assert len(backend.list_by_owner("o")) == backend.count_by_owner("o")  # the server knows them
    with redis_server.client(socket_timeout=1) as client:
        client.execute_command("CLIENT PAUSE", 60_000, "WRITE")
        try:
            with RedisBackend(client, backend._prefix) as hasty:
                assert len(hasty.list_by_owner("o")) == hasty.count_by_owner("o") == 1
        finally:
            client.client_unpause()


# Settings that are not shown


def without_config(tmp_path: Path, *options: str) -> RedisServer:
    return RedisServer(tmp_path, "--rename-command", "CONFIG", "", *options)


def test_verify_says_what_it_could_not_see(tmp_path: Path) -> None:
    with without_config(tmp_path) as server, RedisBackend.from_url(server.url) as backend:
        assert backend.inspect() == ([], ["appendfsync"])
        with pytest.raises(BackendError, match="does not show appendfsync") as failed:
            backend.verify()
        assert "appendfsync is always" in str(failed.value)


def test_what_info_shows_is_judged_where_config_is_denied(tmp_path: Path) -> None:
    with (
        without_config(tmp_path, "--maxmemory-policy", "allkeys-lru") as server,
        RedisBackend.from_url(server.url) as backend,
    ):
        with pytest.raises(BackendError) as failed:
            backend.verify()
        assert "maxmemory-policy is allkeys-lru, not noeviction" in str(failed.value)
        assert "does not show appendfsync" in str(failed.value)


def command(verb: str, url: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "pmcp_storage.cli", verb, "redis", url]
    return subprocess.run(arguments, capture_output=True, text=True)


def test_init_does_not_fail_because_of_what_it_cannot_see(tmp_path: Path) -> None:
    with without_config(tmp_path) as server:
        init, verify = command("init", server.url), command("verify", server.url)
        assert init.returncode == 0
        assert "does not show appendfsync" in init.stdout
        assert verify.returncode == 1
        assert "does not show appendfsync" in verify.stderr


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
            backend.create(make())
            with own_server.client() as client:
                become_replica(client)
            with pytest.raises(BackendError, match="connect to the primary") as failed:
                backend.put_if_version(make(), 1)
            assert type(failed.value) is BackendError


def test_a_write_that_was_not_sent_in_full_is_not_unknown(own_server: RedisServer) -> None:
    url = f"{own_server.url}?socket_timeout=0.2"
    with RedisBackend.from_url(url) as hasty, RedisBackend.from_url(own_server.url) as backend:
        hasty.create(make())
        os.kill(own_server._process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(BackendError) as failed:
                hasty.put_if_version(make(result="x" * 20_000_000), 1)
            assert type(failed.value) is BackendError
        finally:
            os.kill(own_server._process.pid, signal.SIGCONT)
        assert backend.get("o", "t").version == 1


def test_a_server_with_too_many_clients_has_refused(own_server: RedisServer) -> None:
    with own_server.client() as client, RedisBackend.from_url(own_server.url) as backend:
        client.config_set("maxclients", 1)
        with pytest.raises(BackendError, match="maxclients") as failed:
            backend.create(make())
        assert type(failed.value) is BackendError


# A cluster that moves a slot


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Two nodes, of which the first has all slots but one."""
    with ExitStack() as running:
        nodes, buses = [], []
        for slots in (("0", "16382"), ("16383", "16383")):
            buses.append(free_port())
            options = ("--cluster-enabled", "yes", "--cluster-port", str(buses[-1]))
            server = RedisServer(tmp_path_factory.mktemp("node"), *options)
            nodes.append(running.enter_context(server))
            with nodes[-1].client() as client:
                client.execute_command("CLUSTER ADDSLOTSRANGE", *slots)
        with nodes[0].client() as client:
            client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[1].port, buses[1])
        for node in nodes:
            with node.client() as client:
                while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                    pass
        yield nodes


class Move:
    """A slot that is on its way from the first node to the second."""

    def __init__(self, nodes: list[RedisServer], backend: RedisBackend) -> None:
        clients: list[Any] = [node.client() for node in nodes]
        self.source, self.target = clients
        self.target_port = nodes[1].port
        self.keys = (*backend.index_keys("o"), backend.record_key("o", "t"))
        self.slot = self.source.execute_command("CLUSTER KEYSLOT", self.keys[0])
        self._ids = [node.execute_command("CLUSTER MYID") for node in (self.source, self.target)]

    def begin(self) -> None:
        self.source.execute_command("CLUSTER SETSLOT", self.slot, "MIGRATING", self._ids[1])
        self.target.execute_command("CLUSTER SETSLOT", self.slot, "IMPORTING", self._ids[0])

    def move(self, *keys: bytes) -> None:
        for key in keys:
            self.source.execute_command("MIGRATE", "127.0.0.1", self.target_port, key, 0, 5000)

    def give_up(self) -> None:
        for node in (self.source, self.target):
            node.execute_command("CLUSTER SETSLOT", self.slot, "STABLE")

    def finish(self) -> None:
        for node in (self.target, self.source):
            node.execute_command("CLUSTER SETSLOT", self.slot, "NODE", self._ids[1])

    def return_it(self) -> None:
        """Empty the slot, and give it back to the first node."""
        for node in (self.source, self.target):
            node.execute_command("CLUSTER SETSLOT", self.slot, "STABLE")
            node.flushall()
        for node in (self.source, self.target):
            node.execute_command("CLUSTER SETSLOT", self.slot, "NODE", self._ids[0])
            node.close()


@pytest.fixture
def moving(nodes: list[RedisServer]) -> Iterator[tuple[RedisBackend, Move]]:
    with redis.RedisCluster(host="127.0.0.1", port=nodes[0].port) as client:
        backend = RedisBackend(client)
        move = Move(nodes, backend)
        backend.create(make())
        yield backend, move
        move.return_it()


@pytest.mark.parametrize("write", ["overwrite", "set an expiry", "write an expired record"])
def test_a_write_is_whole_while_its_slot_moves(
    moving: tuple[RedisBackend, Move], write: str
) -> None:
    backend, move = moving
    move.begin()
    writes(backend)[write]()
    move.give_up()
    left = [found.version for found in backend.list_by_owner("o")]
    if write == "write an expired record":
        assert left == []
        assert not any(move.source.exists(key) for key in move.keys)
    else:
        assert left == [backend.get("o", "t").version] == [2]


def test_a_delete_is_whole_while_its_slot_moves(moving: tuple[RedisBackend, Move]) -> None:
    backend, move = moving
    move.begin()
    assert backend.delete("o", "t")
    move.give_up()
    assert not any(move.source.exists(key) for key in move.keys)


def test_what_has_moved_before_its_slot_is_found(moving: tuple[RedisBackend, Move]) -> None:
    backend, move = moving
    move.begin()
    move.move(*move.keys)
    assert backend.get("o", "t").version == 1
    assert len(backend.list_by_owner("o")) == backend.count_by_owner("o") == 1
    assert backend.put_if_version(make(), 1) == 2
    assert backend.put(make()) == 3
    assert backend.delete("o", "t")


def test_a_write_of_what_has_moved_in_part_is_refused_and_loses_nothing(
    moving: tuple[RedisBackend, Move],
) -> None:
    backend, move = moving
    move.begin()
    move.move(move.keys[2])
    assert backend.get("o", "t").version == 1
    with pytest.raises(BackendError, match="moving these keys") as failed:
        backend.put_if_version(make(), 1)
    assert type(failed.value) is BackendError
    move.move(*move.keys)
    move.finish()
    assert backend.list_by_owner("o") == [backend.get("o", "t")]
    assert backend.put_if_version(make(), 1) == 2


def test_a_write_waits_for_the_rest_of_its_keys(moving: tuple[RedisBackend, Move]) -> None:
    backend, move = moving
    move.begin()
    move.move(move.keys[2])
    rest = threading.Timer(0.1, lambda: move.move(*move.keys))
    rest.start()
    assert backend.put_if_version(make(), 1) == 2
    rest.join()


def test_a_page_of_which_a_part_has_moved_is_whole(moving: tuple[RedisBackend, Move]) -> None:
    backend, move = moving
    names = [f"t{number}" for number in range(6)]
    for name in names:
        backend.create(make(name))
    move.begin()
    move.move(*(backend.record_key("o", name) for name in names[::2]))
    found = backend.list_by_owner("o")
    assert [each.record.task_id for each in found] == [*reversed(names), "t"]
    with pytest.raises(NotFoundError):
        backend.get("o", "absent")
