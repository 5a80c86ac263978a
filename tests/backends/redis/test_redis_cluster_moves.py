"""A cluster that moves a slot: every change is whole, and what has moved is found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from pmcp_storage import (
    BackendError,
    NotFoundError,
    RedisBackend,
)
from support.records import make_record
from support.redis_server import RedisServer
from support.redis_writes import writes
from support.servers import free_port


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
        backend.create(make_record())
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
    assert backend.put_if_version(make_record(), 1) == 2
    assert backend.put(make_record()) == 3
    assert backend.delete("o", "t")


def test_a_write_of_what_has_moved_in_part_is_refused_and_loses_nothing(
    moving: tuple[RedisBackend, Move],
) -> None:
    backend, move = moving
    move.begin()
    move.move(move.keys[2])
    assert backend.get("o", "t").version == 1
    with pytest.raises(BackendError, match="moving these keys") as failed:
        backend.put_if_version(make_record(), 1)
    assert type(failed.value) is BackendError
    move.move(*move.keys)
    move.finish()
    assert backend.list_by_owner("o") == [backend.get("o", "t")]
    assert backend.put_if_version(make_record(), 1) == 2


def test_a_write_waits_for_the_rest_of_its_keys(moving: tuple[RedisBackend, Move]) -> None:
    backend, move = moving
    move.begin()
    move.move(move.keys[2])
    rest = threading.Timer(0.1, lambda: move.move(*move.keys))
    rest.start()
    assert backend.put_if_version(make_record(), 1) == 2
    rest.join()


def test_a_page_of_which_a_part_has_moved_is_whole(moving: tuple[RedisBackend, Move]) -> None:
    backend, move = moving
    names = [f"t{number}" for number in range(6)]
    for name in names:
        backend.create(make_record(name))
    move.begin()
    move.move(*(backend.record_key("o", name) for name in names[::2]))
    found = backend.list_by_owner("o")
    assert [each.record.task_id for each in found] == [*reversed(names), "t"]
    with pytest.raises(NotFoundError):
        backend.get("o", "absent")
