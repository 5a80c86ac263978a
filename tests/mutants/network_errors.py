"""Mutants of ERR, RES and FLT: what clients over TCP make of errors, and leave behind."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from pmcp_storage import BackendError, StorageError
from support import tcp_store
from support.tcp_store import Message, TcpBackend, TcpTarget


class KeepsTheTimedOut(TcpBackend):
    """Keeps connections whose answers have not come, also beyond its own end."""

    kept: ClassVar[list[socket.socket]] = []

    def discard(self, connection: socket.socket) -> None:
        if isinstance(sys.exception(), TimeoutError):
            self.kept.append(connection)
        else:
            super().discard(connection)


class ServedElsewhere(TcpTarget):
    """Its server is a process of its own, so that what this one holds is the client's alone."""

    def prepare(self) -> None:
        serve = "print(TcpServer().server_address[1], flush=True)"
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from support.tcp_store import TcpServer; {serve}; input()"],
            cwd=Path(tcp_store.__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._address = ("127.0.0.1", int(self._process.stdout.readline()))

    def dispose(self) -> None:
        self._process.kill()
        self._process.communicate()


class TimedOutConnectionsStay(ServedElsewhere):
    """breaks RES-1: a connection whose answer has timed out is put aside, lest the answer come
    late, and nobody ever closes it.
    """

    def __init__(self) -> None:
        super().__init__(KeepsTheTimedOut)

    def dispose(self) -> None:
        while KeepsTheTimedOut.kept:
            KeepsTheTimedOut.kept.pop().close()
        super().dispose()


class HalfAnswersAreShown(TcpBackend):
    """breaks ERR-5: the error of an answer that was cut shows what has come of it, and that is half
    a record.
    """

    def line(self, connection: socket.socket) -> bytes:
        received = b""
        while not received.endswith(b"\n"):
            part = connection.recv(65_536)
            if not part:
                raise ConnectionResetError(f"the answer ends after {received!r}")
            received += part
        return received

    def read(self, **request: Any) -> Message:
        try:
            return self.exchange(request).fields
        except (OSError, ValueError) as error:
            raise BackendError(f"the store cannot be read: {error}") from error


class CauseIsForgotten(TcpBackend):
    """breaks ERR-1: the error of a read is raised after the loop over its attempts, when none is
    being handled any more: it has neither a cause nor a context.
    """

    def read(self, **request: Any) -> Message:
        try:
            return self.exchange(request).fields
        except (OSError, ValueError):
            pass
        raise BackendError("the store cannot be read")


class NothingToCleanUp(TcpBackend):
    """breaks FLT-1: a cleanup that cannot reach the store says that it has removed nothing: it runs
    from a timer, and nobody is to be woken by it.
    """

    def _cleanup_expired(self) -> int:
        try:
            return super()._cleanup_expired()
        except BackendError:
            return 0


class DecoderErrorsEscape(TcpBackend):
    """breaks FLT-7: an answer of text that is no JSON, such as the error page of a machine on the
    way, raises the decoder's JSONDecodeError: only broken connections are thought of.
    """

    def read(self, **request: Any) -> Message:
        try:
            return super().read(**request)
        except BackendError as error:
            if isinstance(error.__cause__, json.JSONDecodeError):
                raise error.__cause__ from None
            raise

    def failure(self, error: Exception) -> StorageError:
        if isinstance(error, json.JSONDecodeError):
            raise error
        return super().failure(error)


class StalledError(TimeoutError):
    """An answer that has stopped; its argument is what has come."""


class StalledListingsEnd(TcpBackend):
    """breaks FLT-10: a listing whose answer stops in the middle is as long as what has come: the
    time limit of a cursor ends it as its end does.
    """

    def line(self, connection: socket.socket) -> bytes:
        received = b""
        while not received.endswith(b"\n"):
            try:
                part = connection.recv(65_536)
            except TimeoutError as error:
                raise StalledError(received) from error
            if not part:
                raise ConnectionResetError("the answer ends in its middle")
            received += part
        return received

    def attempt(self, request: Message) -> Message:
        try:
            return super().attempt(request)
        except StalledError as error:
            whole, cut, _ = error.args[0].rpartition(b', {"task": ')
            if not cut:
                raise
            return dict(json.loads(whole + b"]}"))


class CountOfTheLiveIsZero(TcpBackend):
    """breaks FLT-10: the count of an owner's live records, which a quota goes by, is 0 when the
    store fails, so that nobody is refused for its sake.
    """

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        try:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        except BackendError:
            if live_at is None:
                raise
            return 0
