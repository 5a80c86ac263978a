"""Refusals: the proxy answers in the server's place, as the target says."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pmcp_conformance import BackendTarget, Refusal
from pmcp_conformance.network import connection_pair
from pmcp_conformance.network.fault_proxy import FaultProxy
from pmcp_conformance.network.refusals import refusals_of
from pmcp_conformance.network.schedules import at_exchange
from support.echo_server import EchoServer, Seen, ask, receive


def refused_once(proxy: FaultProxy, number: int, refusal: Refusal) -> None:
    """Have the exchange of this number refused."""
    target: Any = SimpleNamespace(refusals=lambda: [refusal])
    (fault,) = refusals_of(cast("BackendTarget", target))
    assert fault.description == f"the server refuses: {refusal.reason}"
    proxy.inject(at_exchange(fault, number))


def test_a_refused_request_does_not_reach_the_server() -> None:
    with EchoServer() as server, FaultProxy(server.address) as proxy:
        refused_once(proxy, 2, Refusal("busy", b"no\n"))
        with socket.create_connection(proxy.address, timeout=5) as client:
            assert [ask(client, b"%d\n" % n).received for n in (1, 2, 3)] == [
                b"1\n",
                b"no\n",
                b"3\n",
            ]
    assert server.requests == [b"1\n", b"3\n"]


def test_a_refusal_can_be_made_of_the_whole_request() -> None:
    with EchoServer() as server, FaultProxy(server.address) as proxy:
        refused_once(proxy, 1, Refusal("busy", lambda request: b"%d bytes\n" % len(request)))
        request = b"x" * 200_000 + b"\n"
        with socket.create_connection(proxy.address, timeout=5) as client:
            assert ask(client, request) == Seen(b"200001 bytes\n", "line")
    assert server.requests == []


def test_a_request_that_comes_slowly_on_a_busy_machine_is_refused_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_pair, "load_factor", lambda: 40.0)
    with EchoServer() as server, FaultProxy(server.address) as proxy:
        refused_once(proxy, 1, Refusal("busy", lambda request: b"%d bytes\n" % len(request)))
        with socket.create_connection(proxy.address, timeout=5) as client:
            client.sendall(b"header ")
            time.sleep(0.02)  # longer than a request is waited for on an idle machine
            assert ask(client, b"body\n") == Seen(b"12 bytes\n", "line")
    assert server.requests == []


HTTP = (b"POST / HTTP/1.1\r\nHost: there\r\nContent-Length: 6\r\n\r\n", b"body!\n")
RESP = (b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$6\r\nk", b"ey\n\n\n\r\n")


@pytest.mark.parametrize("pieces", [HTTP, (HTTP[0][:30], HTTP[0][30:] + HTTP[1]), RESP])
def test_a_request_whose_rest_comes_late_is_refused_once(
    pieces: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_pair, "_QUIET", 0.0)
    monkeypatch.setattr(connection_pair, "_LOOKS", 10**9)  # there is no quiet time between them
    with EchoServer() as server, FaultProxy(server.address) as proxy:
        refused_once(proxy, 1, Refusal("busy", lambda request: b"%d bytes\n" % len(request)))
        with socket.create_connection(proxy.address, timeout=5) as client:
            client.sendall(pieces[0])
            while not proxy.exchanges.injected:  # it has come, and is kept back
                proxy.synchronize()
            for _ in range(20):
                proxy.synchronize()
            told = b"%d bytes\n" % len(b"".join(pieces))
            assert ask(client, pieces[1]) == Seen(told, "line")
    assert server.requests == []


def test_the_server_can_be_asked_something_instead() -> None:
    said = list[bytes]()

    def rollback(last: bytes) -> bytes:
        said.append(last)
        return b"rollback\n"

    with EchoServer() as server, FaultProxy(server.address) as proxy:
        refused_once(proxy, 2, Refusal("a deadlock", b"no\n", rollback))
        with socket.create_connection(proxy.address, timeout=5) as client:
            ask(client, b"begin\n")
            assert ask(client, b"write\n") == Seen(b"no\n", "line")
            assert ask(client, b"again\n") == Seen(b"again\n", "line")
    assert server.requests == [b"begin\n", b"rollback\n", b"again\n"]
    assert said == [b"begin\n"]


def test_nothing_of_the_other_answer_is_left() -> None:
    with EchoServer() as server, FaultProxy(server.address) as proxy:
        refused_once(proxy, 1, Refusal("a deadlock", b"no\n", lambda said: b"rollback\n"))
        with socket.create_connection(proxy.address, timeout=5) as client:
            ask(client, b"write\n")
            client.settimeout(0.05)
            assert receive(client) == Seen(b"", "silence")
