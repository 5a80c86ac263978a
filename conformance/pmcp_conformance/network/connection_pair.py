"""A client's connection, and the one to the server that belongs to it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from random import Random

from pmcp_conformance.network.event_loop import EventLoop
from pmcp_conformance.network.exchanges import Exchange, Exchanges
from pmcp_conformance.network.sockets import close_socket

SOCKET_TIMEOUT = 30.0
"""Seconds that the proxy waits for a socket before it gives up."""

_CHUNK = 65_536
"""Bytes that are read at once."""


class ConnectionPair:
    """Passes on what client and server send, unless an action of a fault does something else.

    The methods without an underscore are what such an action can do; all run in the loop's thread.
    """

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        loop: EventLoop,
        exchanges: Exchanges,
        take_server_down: Callable[[], None],
    ) -> None:
        self.is_open = True
        self.take_server_down = take_server_down
        self._client = client
        self._server = server
        self._loop = loop
        self._exchanges = exchanges
        self._exchange = Exchange(0, None)
        self._awaits_answer = False
        self._withheld = b""
        self._ignores_client = False
        self._ignores_server = False
        for end, handler in ((client, self._client_readable), (server, self._server_readable)):
            end.settimeout(SOCKET_TIMEOUT)
            # Small messages leave at once, or a delayed acknowledgement costs 40 ms.
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop.watch(end, handler)

    def send_to_server(self, data: bytes) -> None:
        self._send(self._server, data)

    def send_to_client(self, data: bytes) -> None:
        self._send(self._client, data)

    def delay_answer(self, answer: bytes, seconds: float) -> None:
        self._loop.unwatch(self._server)
        self._loop.call_later(seconds, partial(self._resume, answer))

    def withhold_answer(self, answer: bytes) -> None:
        self._withheld = answer

    def ignore_client(self) -> None:
        self._ignores_client = True

    def ignore_server(self) -> None:
        self._ignores_server = True

    def close(self) -> None:
        self._end(reset=False)

    def reset(self) -> None:
        self._end(reset=True)

    def random(self) -> Random:
        return self._exchanges.random(self._exchange)

    def _client_readable(self) -> None:
        data = self._receive(self._client)
        if not data or self._ignores_client:
            return
        if self._withheld:
            self.send_to_client(self._withheld)
            self._withheld = b""
        if self._awaits_answer:
            self._pass_request(data)
        else:
            self._begin_exchange(data)

    def _begin_exchange(self, request: bytes) -> None:
        self._exchange = self._exchanges.begin()
        self._awaits_answer = True
        fault = self._exchange.fault
        if fault is not None and fault.on_request is not None:
            self._exchanges.note_injection(self._exchange)
            fault.on_request(self, request)
        else:
            self._pass_request(request)

    def _pass_request(self, data: bytes) -> None:
        gathering = self._exchanges.gathering
        if gathering is None or not gathering.hold(self, data):
            self.send_to_server(data)

    def _server_readable(self) -> None:
        data = self._receive(self._server)
        if not data:
            return
        begins_answer = self._awaits_answer
        self._awaits_answer = False
        fault = self._exchange.fault
        if begins_answer and fault is not None and fault.on_answer is not None:
            self._exchanges.note_injection(self._exchange)
            fault.on_answer(self, data)
        else:
            self._pass_answer(data)

    def _pass_answer(self, data: bytes) -> None:
        if self._withheld:
            self._withheld += data
        elif not self._ignores_server:
            self.send_to_client(data)

    def _resume(self, answer: bytes) -> None:
        if self.is_open:
            self._loop.watch(self._server, self._server_readable)
            self.send_to_client(answer)

    def _receive(self, source: socket.socket) -> bytes:
        """What there is to read; nothing, and the pair is closed, where the other side has left."""
        if not self.is_open:
            return b""  # closed since the loop saw that there is something
        try:
            data = source.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self.close()
        return data

    def _send(self, target: socket.socket, data: bytes) -> None:
        if self.is_open and data:
            try:
                target.sendall(data)
            except OSError:
                self.close()

    def _end(self, *, reset: bool) -> None:
        if self.is_open:
            self.is_open = False
            for end in (self._client, self._server):
                self._loop.unwatch(end)
                close_socket(end, reset=reset and end is self._client)
