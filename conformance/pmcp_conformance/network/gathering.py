"""Requests that are kept back until all of them have come, to reach the server together."""

from __future__ import annotations

from pmcp_conformance.network.faults.base import Connection


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
