"""A client's connection, and the one to the server that belongs to it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from random import Random

from pmcp_conformance.engine.patience import load_factor
from pmcp_conformance.network.event_loop import EventLoop
from pmcp_conformance.network.exchanges import Exchange, Exchanges
from pmcp_conformance.network.framing import is_incomplete
from pmcp_conformance.network.sockets import close_socket

SOCKET_TIMEOUT = 30.0
"""Seconds that the proxy waits for a socket before it gives up."""

_CHUNK = 65_536
"""Bytes that are read at once."""

_QUIET = 0.005
"""Seconds, on an idle machine, without a further byte after which a request that is kept back is
taken to be whole. The rest of one that was not would be answered as another request."""

_LOOKS = 1_000
"""How often that is waited for where the request itself shows that more of it is to come."""

_REMEMBERED = 256
"""Bytes of what a server has said last that are kept."""


class ConnectionPair:
    """Passes on what client and server send, unless the action of a fault does something else.

    It is the `Connection` that actions get. All its methods run in the thread of the loop.
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
        self.ignores_client = False
        self.ignores_server = False
        self.withheld_answer = b""
        self.late_request = b""
        self.awaits_late_answer = False
        self.said = b""
        self.answer_instead = b""
        self.random: Random  # from the first exchange on
        self.take_server_down = take_server_down
        self._client = client
        self._server = server
        self._loop = loop
        self._exchanges = exchanges
        self._unanswered: Exchange | None = None
        self._held: bytes | None = None
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

    def hold_request(self, request: bytes, then: Callable[[bytes], None]) -> None:
        self._hold(request, then, _LOOKS)

    def _hold(self, request: bytes, then: Callable[[bytes], None], looks: int) -> None:
        self._held = request
        quiet = _QUIET * load_factor()
        self._loop.call_later(quiet, partial(self._go_on, len(request), then, looks - 1))

    def deliver_late_request(self) -> None:
        """Send the server the request that has been kept back, if there is one."""
        late, self.late_request = self.late_request, b""
        self.awaits_late_answer = bool(late)
        self.send_to_server(late)

    def answer(self, data: bytes) -> None:
        self._unanswered = None
        self.send_to_client(data)

    def close(self, *, reset: bool = False) -> None:
        if self.is_open:
            self.is_open = False
            self.awaits_late_answer = False
            for end in (self._client, self._server):
                self._loop.unwatch(end)
                close_socket(end, reset=reset and end is self._client)

    def _client_readable(self) -> None:
        data = self._receive(self._client)
        if not data and self._unanswered is not None:
            self._exchanges.note_departure(self._unanswered)
            self._unanswered = None
        if not data or self.ignores_client:
            return
        self.send_to_client(self.withheld_answer)
        self.withheld_answer = b""
        if self._held is not None:
            self._held += data
        elif self.late_request:
            self.late_request += data
        elif self._unanswered is None:
            self._begin_exchange(data)
        else:
            self._pass_request(data)

    def _begin_exchange(self, request: bytes) -> None:
        exchange = self._exchanges.begin()
        self._unanswered = exchange
        self.random = exchange.random
        if exchange.fault is not None and exchange.fault.on_request:
            self._exchanges.note_injection(exchange)
            exchange.fault.on_request(self, request)
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
        self.awaits_late_answer = False
        self.said = (self.said + data)[-_REMEMBERED:]
        exchange, self._unanswered = self._unanswered, None
        if exchange is not None:
            self._exchanges.note_answer(exchange)
        if exchange is not None and exchange.fault is not None and exchange.fault.on_answer:
            self._exchanges.note_injection(exchange)
            exchange.fault.on_answer(self, data)
        elif self.answer_instead:
            self.send_to_client(self.answer_instead)
            self.answer_instead = b""
        elif self.withheld_answer:
            self.withheld_answer += data
        elif not self.ignores_server:
            self.send_to_client(data)

    def _go_on(self, length: int, then: Callable[[bytes], None], looks: int) -> None:
        """Go on with the request that is kept back, unless more of it has come meanwhile, or is to
        come."""
        held, self._held = self._held or b"", None
        if self.is_open and looks and (len(held) > length or is_incomplete(held)):
            self._hold(held, then, looks)
        elif self.is_open:
            then(held)

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
        if not data and self.late_request and source is self._client:
            self._loop.unwatch(source)  # the server does not notice before the request arrives
        elif not data:
            self.close()
        return data

    def _send(self, target: socket.socket, data: bytes) -> None:
        if self.is_open and data:
            try:
                target.sendall(data)
            except OSError:
                self.close()
