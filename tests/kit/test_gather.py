"""The fault proxy can let requests go on at the same instant."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from pmcp_conformance.network.fault_proxy import FaultProxy
from pmcp_conformance.network.faults.base import Connection
from pmcp_conformance.network.gathering import OverlappingRequests
from support.echo_server import EchoServer, Seen, ask, receive

REQUEST = b"0123456789\n"
SILENCE = 0.1
"""Seconds after which a client that is not answered gives up."""


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer() as server:
        yield server


@pytest.fixture
def proxy(server: EchoServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.address) as proxy:
        yield proxy


@pytest.fixture
def clients(proxy: FaultProxy) -> Iterator[list[socket.socket]]:
    clients = [socket.create_connection(proxy.address, timeout=5) for _ in range(3)]
    yield clients
    for client in clients:
        client.close()


def test_requests_wait_for_the_last_of_them_and_stay_whole(
    server: EchoServer, proxy: FaultProxy, clients: list[socket.socket]
) -> None:
    proxy.gather(3, within=30)
    clients[0].sendall(REQUEST[:5])
    clients[1].sendall(REQUEST[:5])
    clients[0].sendall(REQUEST[5:])
    clients[1].sendall(REQUEST[5:])
    clients[0].settimeout(SILENCE)
    assert receive(clients[0]) == Seen(b"", "silence")
    assert (server.requests, proxy.gathered) == ([], False)
    assert ask(clients[2], REQUEST) == Seen(REQUEST, "line")
    clients[0].settimeout(5)
    assert [receive(client) for client in clients[:2]] == [Seen(REQUEST, "line")] * 2
    assert (server.requests, proxy.gathered) == ([REQUEST] * 3, True)


def test_requests_do_not_wait_for_ever(proxy: FaultProxy, clients: list[socket.socket]) -> None:
    proxy.gather(2, within=SILENCE)
    assert ask(clients[0], REQUEST) == Seen(REQUEST, "line")
    assert not proxy.gathered
    assert ask(clients[1], REQUEST) == Seen(REQUEST, "line")


def test_requests_that_overlap_stay_whole(
    server: EchoServer, proxy: FaultProxy, clients: list[socket.socket]
) -> None:
    proxy.overlap(2, within=30)
    clients[0].sendall(REQUEST)
    assert not proxy.gathered
    assert ask(clients[1], REQUEST) == Seen(REQUEST, "line")
    assert receive(clients[0]) == Seen(REQUEST, "line")
    assert proxy.gathered


class Recorded:
    """What is sent to the server on one connection, noted with its name."""

    def __init__(self, name: str, sent: list[tuple[str, bytes]]) -> None:
        self._name = name
        self._sent = sent

    def send_to_server(self, data: bytes) -> None:
        self._sent.append((self._name, data))


def test_all_requests_that_overlap_begin_before_one_ends() -> None:
    timers: list[tuple[float, Callable[[], None]]] = []
    sent: list[tuple[str, bytes]] = []
    one, other = (cast(Connection, Recorded(name, sent)) for name in ("one", "other"))
    overlap = OverlappingRequests(2, lambda seconds, function: timers.append((seconds, function)))
    assert overlap.hold(one, b"long")
    assert overlap.hold(other, b"short")
    for _, function in sorted(timers, key=lambda timer: timer[0]):
        function()
    assert sent == [("one", b"lon"), ("other", b"shor"), ("one", b"g"), ("other", b"t")]
    assert not overlap.hold(one, b"the next one")


def test_one_gathering_does_not_end_the_next(
    proxy: FaultProxy, clients: list[socket.socket]
) -> None:
    proxy.gather(1, within=SILENCE)
    assert ask(clients[0], REQUEST) == Seen(REQUEST, "line")
    assert proxy.gathered
    proxy.gather(2, within=30)
    clients[1].settimeout(2 * SILENCE)
    assert ask(clients[1], REQUEST) == Seen(b"", "silence")
    assert not proxy.gathered
