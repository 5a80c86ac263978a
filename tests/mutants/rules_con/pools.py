"""A correct backend on SQLite with a pool of connections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mutants.sqlite import SqliteRows


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
