"""Mutants of FLT-11."""

from __future__ import annotations

from support.tcp_server import Message
from support.tcp_store import Reply, TcpBackend


class HasNoTimeout(TcpBackend):
    """breaks FLT-11: a socket without a timeout waits forever for an answer."""

    timeout = None


class TimeoutsEscape(TcpBackend):
    """breaks FLT-11: only broken connections are translated, not the library's timeouts."""

    def exchange(self, request: Message) -> Reply:
        try:
            return super().exchange(request)
        except TimeoutError as error:
            raise LookupError("timed out") from error
