"""A server that answers each line with the line, to see what passes through the fault proxy."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress
from typing import NamedTuple


class EchoServer(socketserver.ThreadingTCPServer):
    """Runs in threads of this process until the `with` statement ends that it is used in."""

    request_queue_size = 128

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        """The lines that have arrived, in their order."""
        super().__init__(("127.0.0.1", 0), _Connection)
        self.address: tuple[str, int] = self.socket.getsockname()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: EchoServer

    def handle(self) -> None:
        with suppress(OSError):
            for line in self.rfile:
                self.server.requests.append(line)
                self.wfile.write(line)


class Seen(NamedTuple):
    """What a client has received, and how: as a line, or before the connection went silent, was
    closed, or was reset."""

    received: bytes
    how: str


def ask(client: socket.socket, request: bytes) -> Seen:
    """Send a request, and see what comes back; a client with a timeout takes it for silence."""
    try:
        client.sendall(request)
    except OSError:
        return Seen(b"", "reset")
    return receive(client)


def receive(client: socket.socket) -> Seen:
    """The next line, or what comes of it."""
    received = b""
    try:
        while not received.endswith(b"\n"):
            byte = client.recv(1)
            if not byte:
                return Seen(received, "closed")
            received += byte
    except TimeoutError:
        return Seen(received, "silence")
    except OSError:
        return Seen(received, "reset")
    return Seen(received, "line")
