"""Connections for event loops: a pool of the handle's own, or the caller's.

What `pools` has for threads, with psycopg's async half. A handle belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import psycopg
from psycopg import AsyncConnection, waiting

from pmcp_storage.backends.postgres.exchange import (
    LOOKS_EVERY,
    Answer,
    Failure,
    exchange,
    is_idle,
    is_usable,
)
from pmcp_storage.backends.postgres.pools import (
    HasPgconn,
    abandon,
    check_process,
    watch_forks,
)
from pmcp_storage.backends.postgres.settings import complete
from pmcp_storage.backends.postgres.statements import Statement, Values
from pmcp_storage.errors import BackendError


class OwnAsyncPool:
    """Up to `size` connections, opened when they are needed and kept until `close`."""

    def __init__(self, conninfo: str, size: int, timeout: float) -> None:
        self._connect: Callable[[], Coroutine[Any, Any, AsyncConnection[Any]]] = partial(
            AsyncConnection.connect, complete(conninfo, timeout)
        )
        self._size = size
        self._timeout = timeout
        self._closed = False
        self._start()
        watch_forks(self)

    def _start(self) -> None:
        self._places = asyncio.Semaphore(self._size)
        self._idle: list[AsyncConnection[Any]] = []

    async def take(self) -> AsyncConnection[Any]:
        try:
            async with asyncio.timeout(self._timeout):
                await self._places.acquire()
        except TimeoutError:
            raise BackendError(
                f"all {self._size} connections of this handle were in use for "
                f"{self._timeout:g} s: let it have more (connections), or find what holds them"
            ) from None
        try:
            return self._idle_one() or await self._connect()
        except BaseException as error:
            self._places.release()
            if isinstance(error, psycopg.Error):
                raise Failure(error, uncertain=False) from None
            raise

    def _idle_one(self) -> AsyncConnection[Any] | None:
        while self._idle:
            connection = self._idle.pop()
            if is_usable(connection.pgconn):
                return connection
            connection.pgconn.finish()
        return None

    async def give_back(self, loan: AsyncConnection[Any]) -> None:
        if is_idle(loan.pgconn) and not self._closed:
            self._idle.append(loan)
        else:
            loan.pgconn.finish()
        self._places.release()

    async def carry_out(
        self, loan: AsyncConnection[Any], statement: Statement, values: Values
    ) -> Answer:
        return await carried_out(loan, statement, values, self._timeout)

    async def distrust(self, loan: AsyncConnection[Any]) -> None:
        loan.pgconn.finish()
        self._finish_idle()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        self._closed = True
        self._finish_idle()

    def _finish_idle(self) -> None:
        while self._idle:
            connection = self._idle.pop()
            connection.pgconn.finish()

    def start_anew(self) -> None:
        """In a child after a fork: leave the parent's sockets alone, and begin without any."""
        inherited = self._idle
        self._start()
        abandon(inherited)


class BorrowedAsyncPool:
    """A `psycopg_pool.AsyncConnectionPool` of the caller's; its connections keep their settings."""

    def __init__(self, pool: Any, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout
        self._process = os.getpid()
        self._returning = set[asyncio.Task[None]]()

    async def take(self) -> AsyncConnection[Any]:
        check_process(self._process)
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                connection: AsyncConnection[Any] = await self._pool.getconn(
                    max(0.001, deadline - time.monotonic())
                )
            except psycopg.Error as error:
                raise Failure(error, uncertain=False) from None
            if is_usable(connection.pgconn):
                return connection
            connection.pgconn.finish()
            await self.give_back(connection)

    async def give_back(self, loan: AsyncConnection[Any]) -> None:
        if not is_idle(loan.pgconn):
            loan.pgconn.finish()
        # In a task of its own: a pool that is cancelled while it takes a connection loses it.
        returning = asyncio.create_task(self._pool.putconn(loan))
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)
        await asyncio.shield(returning)

    async def carry_out(
        self, loan: AsyncConnection[Any], statement: Statement, values: Values
    ) -> Answer:
        return await carried_out(loan, statement, values, self._timeout)

    async def distrust(self, loan: AsyncConnection[Any]) -> None:
        loan.pgconn.finish()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """The pool is the caller's."""


async def carried_out(
    connection: HasPgconn, statement: Statement, values: Values, patience: float
) -> Answer:
    """The answer to a statement, for a task that waits. Raises Failure."""
    pgconn = connection.pgconn
    try:
        # Not AsyncConnection.wait, which on cancellation waits for the server to cancel too.
        return await waiting.wait_async(
            exchange(pgconn, statement, values, patience), pgconn.socket, LOOKS_EVERY
        )
    except psycopg.Error as error:
        raise Failure(error, uncertain=True) from None
