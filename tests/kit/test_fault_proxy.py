"""The fault proxy, seen by a bare socket, in front of a server that echoes what it gets."""

from __future__ import annotations

import gc
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from pmcp_conformance.network.fault_proxy import FaultProxy
from pmcp_conformance.network.faults import Fault, lasting, once, passes


class Echo(socketserver.ThreadingTCPServer):
    """Answers each message with itself, and notes it in `arrived`."""

    def __init__(self) -> None:
        self.arrived: list[bytes] = []
        super().__init__(("127.0.0.1", 0), self._handler())

    def _handler(echo) -> type[socketserver.BaseRequestHandler]:  # noqa: N805
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    while message := self.request.recv(1024):
                        echo.arrived.append(message)
                        self.request.sendall(message)

        return Handler


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with FaultProxy(echo.server_address[:2]) as proxy:  # type: ignore[arg-type]
        yield proxy


@contextmanager
def connected(proxy: FaultProxy) -> Iterator[socket.socket]:
    with socket.create_connection(proxy.address, timeout=5) as client:
        yield client


def ask(client: socket.socket, message: bytes) -> bytes | str:
    """All that is answered until the answer is whole, or the error."""
    answer = b""
    try:
        client.sendall(message)
        while len(answer) < len(message):
            part = client.recv(1024)
            if not part:
                return answer
            answer += part
    except OSError as error:
        return type(error).__name__
    return answer


def test_exchanges_pass_and_are_counted_over_connections(proxy: FaultProxy, echo: Echo) -> None:
    with connected(proxy) as first, connected(proxy) as second:
        assert [ask(first, b"1"), ask(second, b"2"), ask(first, b"3")] == [b"1", b"2", b"3"]
        assert proxy.exchanges == 3
        proxy.play(passes)
        assert (ask(second, b"4"), proxy.exchanges) == (b"4", 1)
    assert proxy.struck == []


@pytest.mark.parametrize(
    ("fault", "answer", "arrives"),
    [
        (Fault.PASS, b"question", True),
        (Fault.DELAY, b"question", True),
        (Fault.CUT_REQUEST, "ConnectionResetError", False),
        (Fault.REFUSE, "ConnectionResetError", False),
        (Fault.LOSE_ANSWER, b"", True),
        (Fault.VANISH, "ConnectionResetError", True),
        (Fault.CUT_ANSWER, b"ques", True),
    ],
)
def test_a_fault_strikes_the_exchange_it_is_meant_for(
    proxy: FaultProxy, echo: Echo, fault: Fault, answer: Any, arrives: bool
) -> None:
    proxy.play(once(fault, 2))
    with connected(proxy) as client:
        assert ask(client, b"hello") == b"hello"
        assert ask(client, b"question") == answer
    assert echo.arrived == [b"hello"] + [b"question"] * arrives
    assert proxy.struck == [2] * (fault is not Fault.PASS)


def test_garbage_is_no_answer_and_the_same_for_the_same_seed(echo: Echo) -> None:
    seen = []
    for seed in (1, 1, 2):
        with FaultProxy(echo.server_address[:2], seed) as proxy:  # type: ignore[arg-type]
            proxy.play(lasting(Fault.GARBLE, 1))
            with connected(proxy) as client:
                seen.append(ask(client, b"x" * 1000))
    assert seen[0] == seen[1] != seen[2]
    assert b"x" * 10 not in seen[0]


def test_a_swallowed_request_kills_its_connection_only(proxy: FaultProxy, echo: Echo) -> None:
    proxy.play(once(Fault.SWALLOW, 1))
    with connected(proxy) as first, connected(proxy) as second:
        first.settimeout(0.05)
        assert ask(first, b"1") == "TimeoutError"
        assert ask(second, b"2") == b"2"
        proxy.mend()
        assert ask(first, b"3") == "TimeoutError"
    assert echo.arrived == [b"2"]


def test_a_withheld_answer_comes_first_when_the_connection_is_used_again(
    proxy: FaultProxy, echo: Echo
) -> None:
    proxy.play(once(Fault.WITHHOLD, 1))
    with connected(proxy) as first, connected(proxy) as second:
        first.settimeout(0.05)
        assert ask(first, b"late") == "TimeoutError"
        assert ask(second, b"else") == b"else"
        proxy.mend()
        first.settimeout(5)
        first.sendall(b"next")
        assert [first.recv(4), first.recv(4)] == [b"late", b"next"]
    assert echo.arrived == [b"late", b"else", b"next"]


def test_refused_until_it_is_mended_on_the_same_port(proxy: FaultProxy) -> None:
    with connected(proxy) as client:
        assert ask(client, b"1") == b"1"
        proxy.refuse()
        assert ask(client, b"2") in ("ConnectionResetError", "BrokenPipeError")
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(proxy.address, timeout=5)
    proxy.mend()
    with connected(proxy) as client:
        assert ask(client, b"3") == b"3"


def test_the_hook_runs_once_after_the_server_and_before_the_client(
    proxy: FaultProxy, echo: Echo
) -> None:
    seen: list[object] = []
    answers: list[object] = []

    def hook() -> None:
        seen.append((list(echo.arrived), list(answers)))

    proxy.play(lasting(Fault.LOSE_ANSWER, 1), hook)
    for message in (b"1", b"2"):
        with connected(proxy) as client:
            answers.append(ask(client, message))
    assert seen == [([b"1"], [])]


def test_what_the_hook_raises_is_kept(proxy: FaultProxy) -> None:
    proxy.play(once(Fault.LOSE_ANSWER, 1), lambda: 1 / 0)
    with connected(proxy) as client:
        assert ask(client, b"1") == b""
    assert isinstance(proxy.hook_error, ZeroDivisionError)


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
                proxy.play(once(Fault.SWALLOW, 1))
                client.sendall(b"1")
            proxy.close()
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= files
