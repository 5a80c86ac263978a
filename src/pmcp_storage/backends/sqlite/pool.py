"""The connections of one handle: lent to one operation at a time, and kept from forks.

Threads share them, so that threads that end leave none behind. What is read and written through
them belongs to the backend.

A process that forks while SQLite has the file open gives its child a false picture of the locks,
and the child's writes can be lost. Before a fork, operations of other threads are therefore waited
for, new ones wait, and every connection is closed; parent and child open their own. Where another
thread's operation takes too long the fork goes ahead, and the child refuses to use the file.

An exception may strike anywhere: a signal handler's, a soft time limit's. So no lock is held and
nothing is counted. What is lent, and whose turn it is to write, is known by objects that live as
long as their operation, and each step that shares something is a single call of a builtin.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from pmcp_storage.backends.sqlite.file import Connection
from pmcp_storage.errors import BackendError

_IDLE_CONNECTIONS = 8
"""Connections kept open between operations; more serve a burst of threads and are then closed."""

_LONGEST_WAIT = 5.0
"""Seconds that a fork waits for operations."""

_LONGEST_FORKING = 30.0
"""Seconds that an operation waits while threads of this process fork, one after the other."""

_PAUSE = 0.001
"""Seconds between two looks, while a fork and operations wait for each other."""


class ConnectionPool:
    """The connections of one handle to the file at `path`."""

    def __init__(self, path: str, open_connection: Callable[[], Connection]) -> None:
        self.path = path
        self._open = open_connection
        self._closed = False
        self.reset()
        _pools.add(weakref.ref(self, _pools.discard))

    def reset(self) -> None:
        """Begin with no connection, and with nobody's turn."""
        self._idle: list[Connection] = []
        self._turns: SimpleQueue[object] = SimpleQueue()
        self._turns.put(None)
        self._watched: set[object] = set()

    def connection(self) -> Loan:
        """Lend a connection for a `with`; one that failed, or is left inside a transaction, is
        closed afterwards.

        Entering raises BackendError after `close`.
        """
        return Loan(self)

    def turn(self, timeout: float) -> Turn:
        """The turn to write, or to try to after that many seconds. It ends with the object.

        Writers of one handle queue here, where waiting costs nothing, and not at SQLite's lock,
        which is polled. That lock alone is what keeps writers apart.
        """
        turn = Turn()
        self._watched.add(weakref.ref(turn, self._turns.put))
        try:
            self._watched.discard(self._turns.get(timeout=timeout))
        except Empty:
            return turn
        if not self._turns.empty():
            self._drop_surplus_turns()
        return turn

    def _drop_surplus_turns(self) -> None:
        # A wait that was interrupted, or was too long, has ended a turn that it never had.
        while not self._turns.empty():
            with suppress(Empty):
                self._watched.discard(self._turns.get_nowait())

    def take(self) -> Connection:
        """An open connection that nothing else uses."""
        while not self._closed:
            db = self._pop_idle()
            if db is None:
                return self._open_another()
            if db.was_current():
                return db
            db.close()
        raise BackendError("this SqliteBackend is closed: open another handle")

    def _open_another(self) -> Connection:
        if os.path.realpath(self.path) in _refused:
            raise BackendError(
                f"{self.path} was in use by another thread when this process was forked: fork "
                "before threads use it, or start processes by 'spawn' or 'forkserver'"
            )
        return self._open()

    def give_back(self, db: Connection, *, fit: bool) -> None:
        if fit and db.is_open and not db.in_transaction and len(self._idle) < _IDLE_CONNECTIONS:
            self._idle.append(db)
        else:
            db.close()
        if self._closed or _forks:
            self.close_idle()

    def close(self) -> None:
        """Close the idle connections now, and those in use when they are given back."""
        self._closed = True
        self.close_idle()

    def close_idle(self) -> None:
        while (db := self._pop_idle()) is not None:
            db.close()

    def _pop_idle(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


class Turn:
    """The turn to write: held for as long as the object lives."""

    __slots__ = ("__weakref__",)


class Loan:
    """A connection for the length of a `with`: a class, for a generator costs twice as much."""

    __slots__ = ("__weakref__", "borrower", "db", "pool")

    def __init__(self, pool: ConnectionPool) -> None:
        self.pool = pool
        self.borrower = threading.get_ident()
        self.db: Connection | None = None

    def __enter__(self) -> Connection:
        _loans.add(weakref.ref(self, _loans.discard))
        if _forks:
            self._wait_for_forks()
        self.db = self.pool.take()
        return self.db

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        fit = kind is None or not issubclass(kind, sqlite3.Error | BackendError)
        if self.db is not None:
            self.pool.give_back(self.db, fit=fit)
        _loans.discard(weakref.ref(self))

    def _wait_for_forks(self) -> None:
        deadline = time.monotonic() + _LONGEST_FORKING
        while _forks:
            _loans.discard(weakref.ref(self))  # the fork waits for what is entered there
            if time.monotonic() > deadline:
                raise BackendError(f"{self.pool.path}: this process has been forking for too long")
            time.sleep(_PAUSE)
            _loans.add(weakref.ref(self, _loans.discard))


_pools: set[weakref.ref[ConnectionPool]] = set()
_loans: set[weakref.ref[Loan]] = set()
_forks: list[None] = []
"""One entry for each fork that a thread has begun."""

_late: dict[int, list[Loan]] = {}
"""What was still in use when a thread forked nevertheless, by the thread."""

_abandoned: list[object] = []
"""What a child inherited in use: to close it would disturb the parent."""

_refused: set[str] = set()
"""The files of what was abandoned."""

T = TypeVar("T")


def _alive(entries: set[weakref.ref[T]]) -> list[T]:
    return [found for entry in list(entries) if (found := entry()) is not None]


def _loans_of_others() -> list[Loan]:
    me = threading.get_ident()
    return [loan for loan in _alive(_loans) if loan.borrower != me]


def _drop_orphans() -> None:
    """Forget loans whose threads have ended: a traceback of an interruption may keep them alive."""
    loans = _alive(_loans)  # before the threads: one that has begun since lends nothing of these
    threads = sys._current_frames()
    for loan in loans:
        if loan.borrower not in threads:
            _loans.discard(weakref.ref(loan))
            if loan.db is not None:
                loan.db.close()


def _close_connections() -> None:
    me = threading.get_ident()
    _late.pop(me, None)
    _drop_orphans()
    deadline = time.monotonic() + _LONGEST_WAIT
    late = _wait_for_others(deadline)
    _close_idle()
    while not late and _loans_of_others():
        # Another thread that forks is about to close what it has taken out of a pool before.
        late = _wait_for_others(deadline)
    for loan in [] if late else _alive(_loans):
        # An operation that was interrupted, or one that a signal handler forks in the middle of.
        if loan.borrower == me and loan.db is not None:
            loan.db.close()
    _late[me] = late


def _wait_for_others(deadline: float) -> list[Loan]:
    """Wait until no other thread uses a connection; return what is still in use at the deadline."""
    while (late := _loans_of_others()) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return late


def _close_idle() -> None:
    """Close idle connections, each as a use of its own: other threads' forks wait for the end."""
    for pool in _alive(_pools):
        closing = Loan(pool)
        _loans.add(weakref.ref(closing, _loans.discard))
        pool.close_idle()
        _loans.discard(weakref.ref(closing))


def _begin_anew() -> None:
    late = _late.pop(threading.get_ident(), None)
    if late is None:  # the look before the fork was interrupted
        late = _loans_of_others()
    _abandoned.extend(late)
    _refused.update(os.path.realpath(loan.pool.path) for loan in late)
    for loan in _loans_of_others():
        _loans.discard(weakref.ref(loan))  # their threads are not here, and nobody is to close them
    for pool in _alive(_pools):
        pool.reset()
    _late.clear()
    _forks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_connections, after_in_child=_begin_anew)
    # Builtins, so that no exception comes between; of these hooks the last one runs first.
    os.register_at_fork(before=partial(_forks.append, None), after_in_parent=_forks.pop)
