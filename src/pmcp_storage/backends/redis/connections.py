"""The connections of one handle: made as the client's pool makes them, and kept here.

redis-py's pools count what they lend, under locks. An exception that arrives between two of their
instructions (a time limit, Ctrl-C), or a fork, can leave a connection lent for ever or a lock
held. Here nothing is counted and nothing locked: a connection is either idle or its caller's. One
that is lost on the way is closed by the garbage collector, and a child process begins with none.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.exceptions import RedisError

_IDLE = 64
"""How many idle connections to a server are kept."""

Place = Any
"""What tells servers apart."""


class Connections:
    """Lends a connection to one caller at a time, and makes one where none is idle."""

    def __init__(self) -> None:
        self._idle = _Idle()
        self._closed = False

    @contextmanager
    def lend(self, place: Place, pool: Any) -> Iterator[Any]:
        """A connection made like those of `pool`; closed if its use ends with an exception.

        Raises what connecting raises.
        """
        idle = self._of_this_process()[place]
        connection = _alive(idle) or _connected(pool)
        try:
            yield connection
        except BaseException:
            # An answer may still be on its way, and must not become that of the next command.
            connection.disconnect()
            raise
        if len(idle) < _IDLE:
            idle.append(connection)
        else:
            connection.disconnect()
        if self._closed:
            self._disconnect_idle()

    def close(self) -> None:
        """Close each connection after its use from now on, also those that are lent."""
        self._closed = True
        self._disconnect_idle()

    def _of_this_process(self) -> _Idle:
        idle = self._idle
        if idle.pid != os.getpid():
            self._idle = idle = _Idle()
        return idle

    def _disconnect_idle(self) -> None:
        for connections in list(self._of_this_process().values()):
            while connections:
                connections.pop().disconnect()


class _Idle(defaultdict[Place, deque[Any]]):
    """The idle connections of one process, by place."""

    def __init__(self) -> None:
        super().__init__(deque)
        self.pid = os.getpid()


def _alive(idle: deque[Any]) -> Any:
    """An idle connection that the server has not closed; None if there is none."""
    while idle:
        try:
            connection = idle.pop()
        except IndexError:
            return None  # another thread was faster
        if _is_silent(connection):
            return connection
        connection.disconnect()
    return None


def _is_silent(connection: Any) -> bool:
    try:
        return not connection.can_read()
    except (RedisError, OSError):
        return False


def _connected(pool: Any) -> Any:
    connection = pool.connection_class(**pool.connection_kwargs)
    connection.connect()
    return connection
