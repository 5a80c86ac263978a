"""The fault proxy between a bare socket and a server that echoes lines."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pmcp_conformance.engine.patience import Limit
from pmcp_conformance.network.fault_proxy import FaultProxy
from pmcp_conformance.network.faults import FAULTS
from pmcp_conformance.network.faults.base import Fault
from pmcp_conformance.network.faults.crash_before_answer import CRASH_BEFORE_ANSWER
from pmcp_conformance.network.faults.crash_before_request import CRASH_BEFORE_REQUEST
from pmcp_conformance.network.faults.cut_answer import CUT_ANSWER
from pmcp_conformance.network.faults.cut_request import CUT_REQUEST
from pmcp_conformance.network.faults.delay_answer import DELAY_ANSWER
from pmcp_conformance.network.faults.garble_answer import GARBLE_ANSWER
from pmcp_conformance.network.faults.hold_request import HOLD_REQUEST
from pmcp_conformance.network.faults.lose_answer import LOSE_ANSWER
from pmcp_conformance.network.faults.prepend_error_page import PREPEND_ERROR_PAGE
from pmcp_conformance.network.faults.stall_answer import STALL_ANSWER
from pmcp_conformance.network.faults.swallow_request import SWALLOW_REQUEST
from pmcp_conformance.network.faults.withhold_answer import WITHHOLD_ANSWER
from pmcp_conformance.network.schedules import always, at_exchange, no_faults
from support.echo_server import EchoServer, Seen, ask, receive

SILENCE = 0.05
"""Seconds after which a client that is not answered gives up."""


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer() as server:
        yield server


@pytest.fixture
def proxy(server: EchoServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.address, seed=1) as proxy:
        yield proxy


@contextmanager
def connected(proxy: FaultProxy) -> Iterator[socket.socket]:
    with socket.create_connection(proxy.address, timeout=5) as client:
        yield client


def test_exchanges_pass_and_are_counted_over_connections(proxy: FaultProxy) -> None:
    with connected(proxy) as first, connected(proxy) as second:
        assert ask(first, b"1\n") == Seen(b"1\n", "line")
        assert ask(second, b"2\n") == Seen(b"2\n", "line")
        assert ask(first, b"3\n") == Seen(b"3\n", "line")
        assert proxy.exchanges.count == 3
        proxy.inject(no_faults)
        assert ask(second, b"4\n") == Seen(b"4\n", "line")
    assert (proxy.exchanges.count, proxy.exchanges.injected) == (1, [])


CASES = {
    CRASH_BEFORE_ANSWER: (Seen(b"", "reset"), True),
    CRASH_BEFORE_REQUEST: (Seen(b"", "reset"), False),
    CUT_ANSWER: (Seen(b"question", "closed"), True),
    CUT_REQUEST: (Seen(b"", "reset"), False),
    DELAY_ANSWER: (Seen(b"question for you\n", "line"), True),
    HOLD_REQUEST: (Seen(b"", "silence"), False),
    LOSE_ANSWER: (Seen(b"", "closed"), True),
    PREPEND_ERROR_PAGE: (Seen(b"<html>502 Bad Gateway</html>\r\n", "line"), True),
    STALL_ANSWER: (Seen(b"question", "silence"), True),
    SWALLOW_REQUEST: (Seen(b"", "silence"), False),
    WITHHOLD_ANSWER: (Seen(b"", "silence"), True),
}
"""What the client sees of an exchange with this fault, and whether the request has arrived."""


def test_every_kind_is_tried_here() -> None:
    assert set(FAULTS) == {*CASES, GARBLE_ANSWER}


@pytest.mark.parametrize("fault", CASES, ids=lambda fault: fault.description)
def test_a_fault_is_injected_into_the_exchange_it_is_meant_for(
    proxy: FaultProxy, server: EchoServer, fault: Fault
) -> None:
    seen, arrives = CASES[fault]
    proxy.inject(at_exchange(fault, 2))
    with connected(proxy) as client:
        assert ask(client, b"hello\n") == Seen(b"hello\n", "line")
        client.settimeout(SILENCE if fault.client_waits else 5)
        assert ask(client, b"question for you\n") == seen
    assert server.requests == [b"hello\n"] + [b"question for you\n"] * arrives
    assert proxy.exchanges.injected == [2]


def test_garbage_is_no_answer_and_the_same_for_the_same_seed(server: EchoServer) -> None:
    answers = []
    for seed in (1, 1, 2):
        with FaultProxy(server.address, seed) as proxy, connected(proxy) as client:
            proxy.inject(at_exchange(GARBLE_ANSWER, 1))
            answers.append(ask(client, b"question\n"))
            assert receive(client) == Seen(b"\r\n", "line")
            assert receive(client) == Seen(b"", "closed")
    assert answers[0] == answers[1] != answers[2]
    assert [answer.how for answer in answers] == ["line"] * 3
    assert not any(answer.received.removesuffix(b"\r\n").isascii() for answer in answers)
    assert server.requests == [b"question\n"] * 3


def test_the_answer_follows_an_error_page(proxy: FaultProxy) -> None:
    proxy.inject(at_exchange(PREPEND_ERROR_PAGE, 1))
    with connected(proxy) as client:
        assert ask(client, b"1\n").received.startswith(b"<html>")
        assert receive(client) == Seen(b"1\n", "line")


def test_what_follows_a_delayed_answer_stays_behind_it(proxy: FaultProxy) -> None:
    proxy.inject(at_exchange(DELAY_ANSWER, 1))
    with connected(proxy) as client:
        assert ask(client, b"1\n2\n") == Seen(b"1\n", "line")
        assert receive(client) == Seen(b"2\n", "line")


def test_a_swallowed_request_kills_its_connection_only(
    proxy: FaultProxy, server: EchoServer
) -> None:
    proxy.inject(at_exchange(SWALLOW_REQUEST, 1))
    with connected(proxy) as first, connected(proxy) as second:
        first.settimeout(SILENCE)
        assert ask(first, b"1\n") == Seen(b"", "silence")
        assert ask(second, b"2\n") == Seen(b"2\n", "line")
        proxy.mend()
        assert ask(first, b"3\n") == Seen(b"", "silence")
    assert server.requests == [b"2\n"]


def test_a_stalled_answer_is_never_completed(proxy: FaultProxy, server: EchoServer) -> None:
    proxy.inject(at_exchange(STALL_ANSWER, 1))
    with connected(proxy) as client:
        client.settimeout(SILENCE)
        assert ask(client, b"1234\n") == Seen(b"12", "silence")
        proxy.mend()
        assert ask(client, b"next\n") == Seen(b"", "silence")
    assert server.requests == [b"1234\n", b"next\n"]


def test_a_withheld_answer_comes_first_when_the_connection_is_used_again(
    proxy: FaultProxy, server: EchoServer
) -> None:
    proxy.inject(at_exchange(WITHHOLD_ANSWER, 1))
    with connected(proxy) as first, connected(proxy) as second:
        first.settimeout(SILENCE)
        assert ask(first, b"late\n") == Seen(b"", "silence")
        assert ask(second, b"else\n") == Seen(b"else\n", "line")
        proxy.mend()
        first.settimeout(5)
        assert ask(first, b"next\n") == Seen(b"late\n", "line")
        assert receive(first) == Seen(b"next\n", "line")
    assert server.requests == [b"late\n", b"else\n", b"next\n"]


def test_a_held_request_arrives_though_its_client_has_left(
    proxy: FaultProxy, server: EchoServer
) -> None:
    proxy.inject(at_exchange(HOLD_REQUEST, 1))
    with connected(proxy) as client:
        client.sendall(b"la")
        proxy.synchronize()
        client.sendall(b"te\n")
    with connected(proxy) as other:
        assert ask(other, b"else\n") == Seen(b"else\n", "line")
    assert not proxy.awaits_late_answers
    proxy.deliver_late_requests()
    limit = Limit(5)
    while proxy.awaits_late_answers and not limit.is_over:
        time.sleep(0.001)
    assert not proxy.awaits_late_answers
    assert server.requests == [b"else\n", b"late\n"]


@pytest.mark.parametrize("fault", [CRASH_BEFORE_REQUEST, CRASH_BEFORE_ANSWER])
def test_a_server_that_is_down_refuses_until_it_is_back(proxy: FaultProxy, fault: Fault) -> None:
    proxy.inject(always(fault, since=2))
    with connected(proxy) as first, connected(proxy) as second:
        assert ask(first, b"1\n") == Seen(b"1\n", "line")
        assert ask(first, b"2\n") == Seen(b"", "reset")
        assert ask(second, b"3\n") == Seen(b"", "reset")
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(proxy.address, timeout=5)
    proxy.mend()
    with connected(proxy) as client:
        assert ask(client, b"4\n") == Seen(b"4\n", "line")


def test_refused_until_it_is_mended_on_the_same_port(proxy: FaultProxy) -> None:
    with connected(proxy) as client:
        assert ask(client, b"1\n") == Seen(b"1\n", "line")
        proxy.refuse()
        assert ask(client, b"2\n") == Seen(b"", "reset")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(proxy.address, timeout=5)
    proxy.mend()
    with connected(proxy) as client:
        assert ask(client, b"3\n") == Seen(b"3\n", "line")


def test_the_hook_runs_once_after_the_server_and_before_the_client(
    proxy: FaultProxy, server: EchoServer
) -> None:
    answers: list[Seen] = []

    def hook() -> object:
        return list(server.requests), list(answers)

    proxy.inject(always(LOSE_ANSWER), hook)
    for request in (b"1\n", b"2\n"):
        with connected(proxy) as client:
            answers.append(ask(client, request))
    assert (answers, proxy.exchanges.injected) == ([Seen(b"", "closed")] * 2, [1, 2])
    assert proxy.exchanges.hook_attempt is not None
    assert proxy.exchanges.hook_attempt.result == ([b"1\n"], [])


def test_the_hook_runs_before_a_request_that_never_arrives(
    proxy: FaultProxy, server: EchoServer
) -> None:
    proxy.inject(at_exchange(CUT_REQUEST, 1), lambda: list(server.requests))
    with connected(proxy) as client:
        assert ask(client, b"1\n") == Seen(b"", "reset")
    assert proxy.exchanges.hook_attempt is not None
    assert proxy.exchanges.hook_attempt.result == []


def test_the_hook_can_use_the_proxy(proxy: FaultProxy) -> None:
    proxy.inject(at_exchange(LOSE_ANSWER, 1), proxy.refuse)
    with connected(proxy) as client:
        assert ask(client, b"1\n") == Seen(b"", "reset")


def test_what_the_hook_raises_is_kept(proxy: FaultProxy) -> None:
    proxy.inject(at_exchange(LOSE_ANSWER, 1), lambda: 1 / 0)
    with connected(proxy) as client:
        assert ask(client, b"1\n") == Seen(b"", "closed")
    assert proxy.exchanges.hook_attempt is not None
    assert isinstance(proxy.exchanges.hook_attempt.error, ZeroDivisionError)


def test_a_server_that_is_gone_ends_the_connection() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        # The error may come as early as from the connecting.
        gone = pytest.raises(ConnectionResetError)
        with FaultProxy(nobody.getsockname()) as proxy, gone, connected(proxy) as client:
            client.recv(1)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_nothing_is_left_open() -> None:
    gc.collect()  # what other tests have left to the collector is not counted
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(3):
            with FaultProxy(server.getsockname()) as proxy, connected(proxy) as client:
                proxy.inject(at_exchange(SWALLOW_REQUEST, 1))
                client.sendall(b"1")
            proxy.close()
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= files
