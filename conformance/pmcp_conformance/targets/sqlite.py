"""The target of SqliteBackend."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pmcp_conformance.target import BackendTarget
from pmcp_storage import NotFoundError, StorageBackend

if TYPE_CHECKING:
    import sqlite3

_ROW = "tasks WHERE owner_id = ? AND task_id = ?"


class SqliteTarget(BackendTarget):
    """A SQLite file in a temporary folder of the run's own.

    In memory where the system has a file system there: what a kill -9 leaves behind is the same,
    and whether a sync reaches the disk no kill can show.
    """

    name = "sqlite"

    def __init__(self) -> None:
        self._folder = ""

    def prepare(self) -> None:
        in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.mkdtemp(prefix="pmcp-sqlite-", dir=in_memory)

    def dispose(self) -> None:
        shutil.rmtree(self._folder)

    def open(self) -> StorageBackend:
        return _backend(self._path("tasks"))

    def open_fresh(self, token: str) -> StorageBackend:
        return _backend(self._path(token))

    def dispose_fresh(self, token: str) -> None:
        for file in Path(self._folder).glob(f"{token}.db*"):
            file.unlink()

    def open_misconfigured(self) -> StorageBackend:
        return _backend(Path(self._folder) / "missing" / "tasks.db")

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        with self._connection() as db:
            key = (owner_id, task_id)
            found = db.execute(f"SELECT expires_at FROM {_ROW}", key).fetchone()
        if found is None:
            raise NotFoundError(owner_id, task_id)
        return None if found[0] is None else found[0] / 1_000_000

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        with self._connection() as db:
            db.execute(
                "INSERT OR REPLACE INTO tasks (owner_id, task_id, status, version, data) "
                "VALUES (?, ?, 'planted', ?, ?)",
                (owner_id, task_id, version, data),
            )

    def _path(self, name: str) -> Path:
        return Path(self._folder) / f"{name}.db"

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        with closing(sqlite3.connect(self._path("tasks"))) as db, db:
            yield db


def _backend(path: Path) -> StorageBackend:
    from pmcp_storage import SqliteBackend

    return SqliteBackend(path)
