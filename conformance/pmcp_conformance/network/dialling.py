"""Connecting to the server without waiting for it: a server with a short queue takes its time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from pmcp_conformance.network.event_loop import EventLoop
from pmcp_conformance.network.exchanges import PROMPT
from pmcp_conformance.network.sockets import close_socket

Connected = Callable[[socket.socket, socket.socket], object]
"""Called with a client's socket and the one to the server that has been connected for it."""


class Dialling:
    """The connections to a server that are being made, each for a client that waits for it.

    Everything runs in the thread of the loop, but the constructor, which raises OSError if the
    server's host is unknown.
    """

    def __init__(self, server: tuple[str, int], loop: EventLoop, connected: Connected) -> None:
        self._addresses = socket.getaddrinfo(*server, type=socket.SOCK_STREAM)
        self._loop = loop
        self._connected = connected
        self._waiting: dict[socket.socket, socket.socket] = {}
        self._begun: dict[socket.socket, float] = {}
        self._late = False

    @property
    def was_prompt(self) -> bool:
        """Whether the server has taken each connection so soon that its client was still there."""
        return not self._waiting and not self._late

    def begin(self, client: socket.socket) -> None:
        """Connect to the server; if that fails, the client's connection is reset."""
        self._try(client, self._addresses)

    def abandon(self) -> None:
        """Reset the connections of all clients that wait."""
        for server, client in self._waiting.items():
            self._loop.unwatch(server)
            server.close()
            close_socket(client, reset=True)
        self._waiting.clear()
        self._begun.clear()

    def _try(self, client: socket.socket, addresses: list[Any]) -> None:
        if not addresses:
            close_socket(client, reset=True)
            return
        (family, kind, protocol, _, address), *others = addresses
        server = socket.socket(family, kind, protocol)
        server.setblocking(False)
        server.connect_ex(address)
        self._waiting[server] = client
        self._begun[server] = time.monotonic()
        self._loop.watch_writable(server, partial(self._settled, server, others))

    def _settled(self, server: socket.socket, others: list[Any]) -> None:
        client = self._waiting.pop(server, None)
        if client is None:
            return  # abandoned since the loop saw that it was settled
        self._loop.unwatch(server)
        self._late |= time.monotonic() - self._begun.pop(server) > PROMPT
        if server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            server.close()
            self._try(client, others)
        else:
            self._connected(client, server)
