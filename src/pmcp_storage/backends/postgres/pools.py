"""Connections for threads: a pool of the handle's own, or the caller's.

The methods are coroutines that never wait for an event loop, so that the operations are written
once: `run_at_once` carries them out. `async_pools` has those that do wait for one.

A pool of the handle's own connects in the thread that needs a connection, so that a failure is
known at once and with its reason. It never shares a socket between parent and child: after a
fork the child starts with an empty pool.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import psycopg
from psycopg import Connection, waiting
from psycopg.pq.abc import PGconn

from pmcp_storage.backends.postgres.exchange import (
    LOOKS_EVERY,
    Answer,
    Failure,
    exchange,
    is_idle,
    is_usable,
)
from pmcp_storage.backends.postgres.settings import complete
from pmcp_storage.backends.postgres.statements import Statement, Values
from pmcp_storage.errors import BackendError


class HasPgconn(Protocol):
    """A connection of psycopg's, for threads or for event loops."""

    @property
    def pgconn(self) -> PGconn: ...


class Lender(Protocol):
    """What lends connections to the operations, one to each call."""

    async def take(self) -> Any:
        """A connection that can be sent on, as a loan. Raises Failure or BackendError."""

    async def give_back(self, loan: Any) -> None:
        """End the loan. The connection goes on only if nothing is pending on it."""

    async def carry_out(self, loan: Any, statement: Statement, values: Values) -> Answer:
        """The answer to a statement. Raises Failure."""

    async def distrust(self, loan: Any) -> None:
        """Use neither this connection again nor an idle one: they lead to the wrong server."""

    async def pause(self, seconds: float) -> None: ...

    async def close(self) -> None: ...


class Loan:
    """A place in a pool, and the connection that is in use at it.

    An exception from outside, such as KeyboardInterrupt, can strike between any two instructions
    of the thread that holds it. Dropped before it was given back, the place returns by itself.
    """

    __slots__ = ("__weakref__", "_places", "connection")

    def __init__(self, places: weakref.ref[SimpleQueue[Loan]]) -> None:
        self.connection: Connection[Any] | None = None
        self._places = places

    def __del__(self) -> None:
        if self.connection is not None:
            self.connection.pgconn.finish()
        places = self._places()
        if places is not None:
            places.put(Loan(self._places))


class OwnPool:
    """Up to `size` connections, opened when they are needed and kept until `close`."""

    def __init__(self, conninfo: str, size: int, timeout: float) -> None:
        self._connect: Callable[[], Connection[Any]] = partial(
            Connection.connect, complete(conninfo, timeout)
        )
        self._size = size
        self._timeout = timeout
        self._closed = False
        self._start()
        watch_forks(self)

    def _start(self) -> None:
        self._places: SimpleQueue[Loan] = SimpleQueue()
        for _ in range(self._size):
            self._places.put(Loan(weakref.ref(self._places)))
        self._idle: list[Connection[Any]] = []
        """The last used is used first, so that no more are opened than are needed at once."""

    async def take(self) -> Loan:
        try:
            loan = self._places.get(timeout=self._timeout)
        except Empty:
            raise BackendError(
                f"all {self._size} connections of this handle were in use for "
                f"{self._timeout:g} s: let it have more (connections), or find what holds them"
            ) from None
        try:
            loan.connection = self._idle_one() or self._connect()
        except BaseException as error:
            self._places.put(loan)
            if isinstance(error, psycopg.Error):
                raise Failure(error, uncertain=False) from None
            raise
        return loan

    def _idle_one(self) -> Connection[Any] | None:
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if is_usable(connection.pgconn):
                    return connection
                connection.pgconn.finish()
        return None

    async def give_back(self, loan: Loan) -> None:
        connection, loan.connection = loan.connection, None
        if connection is not None:
            if is_idle(connection.pgconn) and not self._closed:
                self._idle.append(connection)
            else:
                connection.pgconn.finish()
        self._places.put(loan)
        if self._closed:
            self._finish_idle()

    async def carry_out(self, loan: Loan, statement: Statement, values: Values) -> Answer:
        assert loan.connection is not None
        return carried_out(loan.connection, statement, values, self._timeout)

    async def distrust(self, loan: Loan) -> None:
        if loan.connection is not None:
            loan.connection.pgconn.finish()
        self._finish_idle()

    async def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    async def close(self) -> None:
        self._closed = True
        self._finish_idle()

    def _finish_idle(self) -> None:
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                connection.pgconn.finish()

    def start_anew(self) -> None:
        """In a child after a fork: leave the parent's sockets alone, and begin without any."""
        inherited = self._idle
        self._start()
        abandon(inherited)


class BorrowedPool:
    """A `psycopg_pool.ConnectionPool` of the caller's, whose connections keep their settings."""

    def __init__(self, pool: Any, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout
        self._process = os.getpid()

    async def take(self) -> Connection[Any]:
        check_process(self._process)
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                connection: Connection[Any] = self._pool.getconn(
                    max(0.001, deadline - time.monotonic())
                )
            except psycopg.Error as error:
                raise Failure(error, uncertain=False) from None
            if is_usable(connection.pgconn):
                return connection
            connection.pgconn.finish()
            self._pool.putconn(connection)

    async def give_back(self, loan: Connection[Any]) -> None:
        if not is_idle(loan.pgconn):
            loan.pgconn.finish()
        self._pool.putconn(loan)

    async def carry_out(
        self, loan: Connection[Any], statement: Statement, values: Values
    ) -> Answer:
        return carried_out(loan, statement, values, self._timeout)

    async def distrust(self, loan: Connection[Any]) -> None:
        loan.pgconn.finish()

    async def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    async def close(self) -> None:
        """The pool is the caller's."""


def carried_out(
    connection: HasPgconn, statement: Statement, values: Values, patience: float
) -> Answer:
    """The answer to a statement, for a thread that waits. Raises Failure."""
    pgconn = connection.pgconn
    try:
        # Not Connection.wait, which on an interrupt waits for the server to cancel the statement.
        return waiting.wait(
            exchange(pgconn, statement, values, patience), pgconn.socket, LOOKS_EVERY
        )
    except psycopg.Error as error:
        raise Failure(error, uncertain=True) from None


def check_process(process: int) -> None:
    """Raises BackendError in another process than that of this id."""
    if os.getpid() != process:
        raise BackendError(
            "the pool of this backend belongs to the process that forked this one: open a pool "
            "and a backend after the fork"
        )


_pools: weakref.WeakSet[Any] = weakref.WeakSet()


def watch_forks(pool: Any) -> None:
    """Have `start_anew` of this pool called in children."""
    _pools.add(pool)


def abandon(connections: list[Any]) -> None:
    """Free inherited connections without a word to the server, which serves the parent on them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        for connection in connections:
            # What libpq says on closing goes nowhere; the parent's own descriptor stays.
            with suppress(psycopg.Error):
                os.dup2(nowhere, connection.pgconn.socket)
            connection.pgconn.finish()
    finally:
        os.close(nowhere)


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
