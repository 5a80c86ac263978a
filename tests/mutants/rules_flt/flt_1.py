"""Mutants of FLT-1."""

from __future__ import annotations

import socket
import time
from typing import Any

from pmcp_storage import BackendError
from support.tcp_server import Message
from support.tcp_store import RefusedError, TcpBackend


class LibraryErrorsEscape(TcpBackend):
    """breaks FLT-1: the library's own error comes out when no connection can be made."""

    def read(self, **request: Any) -> Message:
        return self.exchange(request).fields


class WaitsForTheServer(TcpBackend):
    """breaks FLT-1: a client that reconnects until it works, longer than answer_within allows."""

    def connection(self) -> socket.socket:
        deadline = time.monotonic() + 5
        while True:
            try:
                return super().connection()
            except RefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


class NothingToCleanUp(TcpBackend):
    """breaks FLT-1: a cleanup that cannot reach the store reports that it has removed nothing: it
    runs from a timer, and is not to wake anybody.
    """

    def _cleanup_expired(self) -> int:
        try:
            return super()._cleanup_expired()
        except BackendError:
            return 0
