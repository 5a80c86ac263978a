"""The proxy can let requests go on at the same instant."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from pmcp_conformance.network import fault_proxy as proxies
from pmcp_conformance.network.fault_proxy import FaultProxy


class Server:
    """Answers each connection's message of ten bytes with how many have come so far."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.messages: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            message = b""
            while len(message) < 10:
                message += connection.recv(10)
            self.messages.append(message)
            connection.sendall(b"done")

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_requests_wait_for_the_last_of_them_and_stay_whole(server: Server) -> None:
    with FaultProxy(server.address) as proxy:
        proxy.gather(3)
        clients = [socket.create_connection(proxy.address) for _ in range(3)]
        for client in clients[:2]:
            client.sendall(b"01234")
        for client in clients[:2]:
            client.sendall(b"56789")
        clients[0].settimeout(0.1)
        with pytest.raises(TimeoutError):
            clients[0].recv(4)
        assert (server.messages, proxy.gathered) == ([], False)
        clients[2].sendall(b"0123456789")
        clients[0].settimeout(5)
        assert [client.recv(4) for client in clients] == [b"done"] * 3
        assert (server.messages, proxy.gathered) == ([b"0123456789"] * 3, True)
        for client in clients:
            client.close()


def test_requests_do_not_wait_for_ever(server: Server) -> None:
    with FaultProxy(server.address) as proxy, socket.create_connection(proxy.address) as client:
        proxy.gather(2)
        client.sendall(b"0123456789")
        assert client.recv(4) == b"done"
        assert not proxy.gathered


def test_one_gathering_does_not_end_the_next(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(server.address) as proxy:
        monkeypatch.setattr(proxies, "_GATHERING", 0.1)
        proxy.gather(1)
        with socket.create_connection(proxy.address) as client:
            client.sendall(b"0123456789")
            assert client.recv(4) == b"done"
        monkeypatch.setattr(proxies, "_GATHERING", 30)
        proxy.gather(2)
        with socket.create_connection(proxy.address) as client:
            client.sendall(b"0123456789")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(4)
