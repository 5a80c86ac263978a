"""Connections to PostgreSQL that do not wait for ever, and a pool of them.

Apart from the backend that uses them, since the kit lets calls meet at each line of a backend's own
code, and to those of a library nobody has to pay attention.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.pq import TransactionStatus

PATIENCE = 1.0
"""Seconds to wait for an answer."""


class Session(psycopg.Connection[Any]):
    """A connection that raises OperationalError when no answer comes."""

    def wait(self, gen: Any, interval: float = 0.1, *rest: Any, **options: Any) -> Any:
        patient = _until(time.monotonic() + PATIENCE, gen)
        return waiting.wait(patient, self.pgconn.socket, interval, *rest, **options)


def _until(deadline: float, gen: Any) -> Any:
    ready = None
    try:
        while True:
            wanted = gen.send(ready)
            while not (ready := (yield wanted)):
                if time.monotonic() > deadline:
                    raise psycopg.OperationalError("no answer in time")
    except StopIteration as end:
        return end.value


class Pool:
    """The connections that nobody uses at the moment, the last used first."""

    def __init__(self, connect: Callable[[], Session]) -> None:
        self.idle: list[Session] = []
        self._connect = connect
        self._closed = False
        self._process = os.getpid()
        self._inherited: list[Session] = []

    def take(self) -> Session:
        """A connection that works. Raises what psycopg raises where there is none."""
        self._leave_to_parent()
        with suppress(IndexError):
            while True:
                if is_usable(session := self.idle.pop()):
                    return session
                session.close()
        return self._connect()

    def give_back(self, session: Session) -> None:
        """Keep the connection, unless it is in a transaction or has broken."""
        if session.info.transaction_status == TransactionStatus.IDLE:
            self.keep(session)
        else:
            session.close()

    def keep(self, session: Session) -> None:
        """Keep the connection as it is, unless the pool is closed."""
        self.idle.append(session)
        if self._closed:
            self.close()

    def close(self) -> None:
        self._closed = True
        self._leave_to_parent()
        with suppress(IndexError):
            while True:
                self.idle.pop().close()

    def _leave_to_parent(self) -> None:
        """In a forked process, leave the connections alone: ending one would end the parent's."""
        if self._process != os.getpid():
            self._process, self._inherited, self.idle = os.getpid(), self.idle, []


def is_usable(session: Session) -> bool:
    """Whether nothing has come on the idle connection, such as its end."""
    if session.closed:
        return False
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    return not poll.poll(0)
