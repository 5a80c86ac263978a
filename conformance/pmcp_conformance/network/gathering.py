"""Requests that are kept back until all of them have come, to reach the server together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pmcp_conformance.network.faults.base import Connection

_STEP = 0.008
"""Seconds between the parts of requests that overlap: some round trips."""


class Gathering:
    """Keeps this many requests back until all have come, each on a connection of its own."""

    def __init__(self, requests: int) -> None:
        self.complete = False
        """Whether all of them have come."""
        self._requests = requests
        self._over = False
        self._held: dict[Connection, bytes] = {}

    def hold(self, connection: Connection, data: bytes) -> bool:
        """Keep a part of a request back; False, and nothing is kept, when the gathering is over."""
        if self._over:
            return False
        self._held[connection] = self._held.get(connection, b"") + data
        if len(self._held) == self._requests:
            self.complete = True
            self.release()
        return True

    def release(self) -> None:
        """Let all that is kept go on to the server, and keep nothing back from now on."""
        self._over = True
        for connection, data in self._held.items():
            connection.send_to_server(data)
        self._held.clear()


class OverlappingRequests(Gathering):
    """Lets them go on one after the other, each without its last byte, and then the last bytes.

    `call_later` calls a function after this many seconds."""

    def __init__(
        self, requests: int, call_later: Callable[[float, Callable[[], None]], None]
    ) -> None:
        super().__init__(requests)
        self._call_later = call_later
        self._ends: dict[Connection, bytes] = {}

    def hold(self, connection: Connection, data: bytes) -> bool:
        if connection in self._ends:
            self._ends[connection] += data
            return True
        return super().hold(connection, data)

    def release(self) -> None:
        self._over = True
        held, self._held = self._held, {}
        for number, (connection, data) in enumerate(held.items()):
            self._ends[connection] = data[-1:]
            begin = partial(connection.send_to_server, data[:-1])
            self._call_later(number * _STEP, begin)
        for number, connection in enumerate(held, len(held)):
            self._call_later(number * _STEP, partial(self._end, connection))

    def _end(self, connection: Connection) -> None:
        connection.send_to_server(self._ends.pop(connection))
