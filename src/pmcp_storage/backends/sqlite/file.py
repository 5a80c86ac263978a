"""Connections to one SQLite file: how they are opened, shared by threads, and kept from forks.

`open_file` makes a file ours, or says why it is not. `ConnectionPool` lends each connection to
one operation at a time, so that threads that end leave none behind. What is read and written
through them belongs to the backend.

A process that forks while SQLite has the file open gives its child a false picture of the locks,
and the child's writes can be lost. Before a fork every pool therefore waits until its connections
are idle and closes them; parent and child open their own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable

from pmcp_storage.errors import BackendError

APPLICATION_ID = 0x504D4350
"""The file's mark, `PRAGMA application_id`: the letters PMCP."""

SCHEMA_VERSION = 1
"""The layout that this version reads and writes, `PRAGMA user_version`."""

_SCHEMA = (
    """CREATE TABLE tasks (
        owner_id TEXT NOT NULL,
        task_id TEXT NOT NULL,
        status TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires_at INTEGER, -- microseconds since 1970; NULL: never
        data TEXT NOT NULL, -- the record as JSON
        PRIMARY KEY (owner_id, task_id)
    )""",
    "CREATE INDEX tasks_by_expiry ON tasks (expires_at) WHERE expires_at IS NOT NULL",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

_FACTS = """SELECT (SELECT count(*) FROM sqlite_master), application_id, user_version
            FROM pragma_application_id, pragma_user_version"""

_IDLE_CONNECTIONS = 8
"""Connections kept open between operations; more serve a burst of threads and are then closed."""


def error_code(error: sqlite3.Error) -> int | None:
    """The primary result code, such as sqlite3.SQLITE_BUSY; None if SQLite gave none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def open_file(path: str, busy_timeout: float) -> sqlite3.Connection:
    """Open a connection to the file at `path`, which is created and laid out where absent.

    `busy_timeout` is how many seconds to wait for another process's lock. Raises BackendError
    for a file that is not ours, and sqlite3.Error as SQLite gives it.
    """
    db = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        # Bytes, because sqlite3 puts a text that it cannot decode into the message of its error.
        db.text_factory = bytes
        # An acknowledged write survives a power loss; macOS needs to be told that it is meant.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")
        _lay_out_in_time(db, path, time.monotonic() + busy_timeout)
    except BaseException:
        db.close()
        raise
    return db


def _lay_out_in_time(db: sqlite3.Connection, path: str, deadline: float) -> None:
    # A change of the journal mode does not wait for locks by itself, and the process that holds
    # one may be making the same change.
    while True:
        try:
            return _lay_out(db, path)
        except sqlite3.OperationalError as error:
            if error_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def _lay_out(db: sqlite3.Connection, path: str) -> None:
    if _is_ours(db, path):
        return
    db.execute("PRAGMA journal_mode = WAL")
    with db:
        db.execute("BEGIN IMMEDIATE")
        if not _is_ours(db, path):
            for statement in _SCHEMA:
                db.execute(statement)


def _is_ours(db: sqlite3.Connection, path: str) -> bool:
    """Whether the file is laid out; False if it is empty, BackendError if it is another's."""
    tables, application_id, version = db.execute(_FACTS).fetchone()
    if (tables, application_id, version) == (0, 0, 0):
        return False
    if application_id != APPLICATION_ID:
        raise BackendError(
            f"{path} is a SQLite database of something else (application_id {application_id}, "
            f"not {APPLICATION_ID}): name another file"
        )
    if version != SCHEMA_VERSION:
        raise BackendError(
            f"{path} has schema version {version}, and this version of pmcp-storage knows "
            f"{SCHEMA_VERSION} only: use the version of pmcp-storage that wrote it"
        )
    return True


class ConnectionPool:
    """The connections of one handle. Each is lent to one operation at a time."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection]) -> None:
        self._open = open_connection
        self._closed = False
        self._start()
        _pools.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._nobody_busy = threading.Condition(self._lock)
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
        """A connection that nobody else uses until it is given back."""
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
                self._nobody_busy.notify_all()

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

    def stand_still(self) -> None:
        """Close every connection, and lend none until `go_on` or `start_anew`."""
        self._lock.acquire()
        self._nobody_busy.wait_for(lambda: self._busy == 0)
        self._close_idle()

    def go_on(self) -> None:
        """In the parent, after the fork."""
        self._lock.release()

    def start_anew(self) -> None:
        """In the child, where the threads that held or awaited the locks do not exist."""
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
_standing_still: list[ConnectionPool] = []


def _before_fork() -> None:
    for pool in list(_pools):
        pool.stand_still()
        _standing_still.append(pool)


def _after_fork_in_parent() -> None:
    while _standing_still:
        _standing_still.pop().go_on()


def _after_fork_in_child() -> None:
    while _standing_still:
        _standing_still.pop().start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
