"""RedisBackend on a Redis Cluster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import redis
from redis.crc import key_slot

from pmcp_storage import (
    BackendError,
    RedisBackend,
)
from support.records import NOW, make_record
from support.redis_server import RedisServer
from support.servers import free_port


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Two nodes of a Redis Cluster, each with half of the slots."""
    with contextlib.ExitStack() as running:
        nodes, bus_ports = [], []
        for slots in (("0", "8191"), ("8192", "16383")):
            bus_ports.append(free_port())
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus_ports[-1]))
            node = RedisServer(tmp_path_factory.mktemp("node"), *options)
            nodes.append(running.enter_context(node))
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
            assert (
                backend.create(
                    make_record("1", owner_id, expires_at=datetime.now(UTC) + timedelta(hours=1))
                )
                == 1
            )
            assert backend.put(make_record("2", owner_id)) == 1
            assert backend.put_if_version(make_record("2", owner_id), 1) == 2
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
        assert backend.put(make_record()) == 1
        with new.client() as target:
            assert target.exists(key)


def test_a_plain_client_of_a_cluster_is_an_error_with_the_remedy(
    cluster: list[RedisServer],
) -> None:
    def put(node: RedisServer) -> int:
        with RedisBackend.from_url(node.url, prefix="plain") as backend:
            return backend.put(make_record())

    with pytest.raises(BackendError, match=r"hand in a redis\.RedisCluster"):
        [put(node) for node in cluster]
