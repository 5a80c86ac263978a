"""Mutants of FLT-11."""

from __future__ import annotations

from pmcp_storage import BackendError, StorageError
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


class TimeoutsAreFailures(TcpBackend):
    """breaks FLT-11: a write not answered in time counts as not applied, like a cancelled call."""

    def failure(self, error: Exception) -> StorageError:
        if isinstance(error, TimeoutError):
            return BackendError("the store did not answer in time")
        return super().failure(error)
