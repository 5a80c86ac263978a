"""Mutants of CON-9: what goes wrong in the second connection of a pool."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mutants.base import key_of
from mutants.sqlite import SqliteRows
from pmcp_storage import NotFoundError, TaskRecord, VersionedRecord
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key

_SELECT = "SELECT data, version FROM tasks WHERE owner_id = ? AND task_id = ?"


class Pooled(SqliteRows):
    """Correct: connections are kept, and lent to one caller at a time."""

    layout = f"PRAGMA journal_mode = WAL; {SqliteRows.layout}"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._made = 0
        with closing(sqlite3.connect(path)) as db:
            db.executescript(self.layout)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        db = self._idle.pop() if self._idle else self.connect()
        try:
            yield db
        finally:
            self._idle.append(db)

    def connect(self) -> sqlite3.Connection:
        self._made += 1
        db = sqlite3.connect(self._path, timeout=2.0, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA synchronous = OFF")
        return db

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class TellsChangesByDataVersion(Pooled):
    """breaks CON-9: get answers from a cache for as long as PRAGMA data_version stays, which each
    connection of the pool counts for itself.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._cache: dict[Key, tuple[int, list[tuple[str, int]]]] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        key = owner_id, task_id
        with self.connection() as db:
            [[counted]] = db.execute("PRAGMA data_version").fetchall()
            if self._cache.get(key, (None,))[0] != counted:
                self._cache[key] = counted, db.execute(_SELECT, key).fetchall()
            _, rows = self._cache[key]
        if not rows:
            raise NotFoundError(*key)
        return read_row(*key, *rows[0])

    def values(self, record: TaskRecord) -> dict[str, Any]:
        self._cache.pop(key_of(record), None)
        return super().values(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._cache.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)


class OneConnectionKeepsItsSnapshot(Pooled):
    """breaks CON-9: all connections of the pool but the first, which was told to commit by itself,
    go on reading in the transaction of their first read until they have written something.
    """

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with super().connection() as db:
            before = db.total_changes
            yield db
            if db.in_transaction and db.total_changes > before:
                db.commit()
                db.execute("BEGIN")

    def connect(self) -> sqlite3.Connection:
        db = super().connect()
        if self._made > 1:
            db.execute("BEGIN")
        return db
