"""The connections of one handle: lent to one operation at a time, and kept from forks.

Threads share them, so that threads that end leave none behind. What is read and written through
them belongs to the backend.

A process that forks while SQLite has the file open gives its child a false picture of the locks,
and the child's writes can be lost. Before a fork every pool therefore waits until its connections
are idle and closes them; parent and child open their own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable

from pmcp_storage.errors import BackendError

_IDLE_CONNECTIONS = 8
"""Connections kept open between operations; more serve a burst of threads and are then closed."""


class ConnectionPool:
    """The connections of one handle. Each is lent to one operation at a time."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection]) -> None:
        self._open = open_connection
        self._closed = False
        self._start()
        _pools.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._all_idle = threading.Condition(self._lock)
        self._idle: list[sqlite3.Connection] = []
        self._busy = 0
        # Writers of one handle queue here, where waiting costs nothing, and not at SQLite's lock,
        # which is polled.
        self.writing = threading.Lock()

    def connection(self) -> Loan:
        """Lend a connection for a `with`; one that failed, or is left inside a transaction, is
        closed afterwards.

        Entering raises BackendError after `close`.
        """
        return Loan(self)

    def take(self) -> sqlite3.Connection:
        """A connection that nothing else uses until it is given back."""
        db = self._take()
        if db is None:
            try:
                db = self._open()
            except BaseException:
                self.give_back(None, fit=False)
                raise
        return db

    def _take(self) -> sqlite3.Connection | None:
        with self._lock:
            if self._closed:
                raise BackendError("this SqliteBackend is closed: open another handle")
            self._busy += 1
            return self._idle.pop() if self._idle else None

    def give_back(self, db: sqlite3.Connection | None, *, fit: bool) -> None:
        with self._lock:
            if db is not None:
                if fit and not db.in_transaction and not self._closed and self._has_room():
                    self._idle.append(db)
                else:
                    db.close()
            self._busy -= 1
            if not self._busy:
                self._all_idle.notify_all()

    def _has_room(self) -> bool:
        return len(self._idle) < _IDLE_CONNECTIONS

    def close(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        with self._lock:
            self._closed = True
            self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def quiesce(self) -> None:
        """Close every connection, and lend none until `resume` or `reset`."""
        self._lock.acquire()
        self._all_idle.wait_for(lambda: self._busy == 0)
        self._close_idle()

    def resume(self) -> None:
        """Lend connections again, in the parent, after the fork."""
        self._lock.release()

    def reset(self) -> None:
        """Begin anew, in the child, where the threads that held or awaited the locks are absent."""
        self._start()


class Loan:
    """A connection for the length of a `with`: a class, for a generator costs twice as much."""

    __slots__ = ("_db", "_pool")

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def __enter__(self) -> sqlite3.Connection:
        self._db = self._pool.take()
        return self._db

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        fit = kind is None or not issubclass(kind, sqlite3.Error | BackendError)
        self._pool.give_back(self._db, fit=fit)


_pools: weakref.WeakSet[ConnectionPool] = weakref.WeakSet()
_quiesced: list[ConnectionPool] = []


def _before_fork() -> None:
    for pool in list(_pools):
        pool.quiesce()
        _quiesced.append(pool)


def _after_fork_in_parent() -> None:
    while _quiesced:
        _quiesced.pop().resume()


def _after_fork_in_child() -> None:
    while _quiesced:
        _quiesced.pop().reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
