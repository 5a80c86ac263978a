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

_SELECT = "SELECT data, version FROM tasks WHERE owner_id = :owner AND task_id = :task"


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
        db = sqlite3.connect(
            self._path, timeout=20.0, isolation_level=None, check_same_thread=False
        )
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
        self._cache: dict[Key, tuple[int, VersionedRecord]] = {}

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with self.connection() as db:
            [[counted]] = db.execute("PRAGMA data_version").fetchall()
            row = {"owner": owner_id, "task": task_id}
            seen, found = self._cache.get((owner_id, task_id), (None, None))
            if found is not None and seen == counted:
                return found
            statement = (
                "SELECT data, version FROM tasks WHERE owner_id = :owner AND task_id = :task"
            )
            rows = db.execute(statement, row).fetchall()
        if not rows:
            raise NotFoundError(owner_id, task_id)
        self._cache[owner_id, task_id] = counted, read_row(owner_id, task_id, *rows[0])
        return self._cache[owner_id, task_id][1]

    def values(self, record: TaskRecord) -> dict[str, Any]:
        self._cache.pop(key_of(record), None)
        return super().values(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._cache.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)


class OneConnectionKeepsItsSnapshot(Pooled):
    """breaks CON-9: all connections of the pool but the first, which was told to commit by itself,
    go on reading in the transaction of their first read.
    """

    def connect(self) -> sqlite3.Connection:
        db = super().connect()
        if self._made > 1:
            db.execute("BEGIN")
        return db
