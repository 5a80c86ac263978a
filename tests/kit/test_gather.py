"""The fault proxy can let requests go on at the same instant."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from pmcp_conformance.network.fault_proxy import FaultProxy
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
