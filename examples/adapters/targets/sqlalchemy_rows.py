"""The target of SQLAlchemy's rows, in a file of SQLite."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING

from adapters.targets.installed import missing
from pmcp_conformance import BackendTarget

if TYPE_CHECKING:
    from adapters.sqlalchemy_rows import SqlAlchemyBackend


class SqlAlchemyTarget(BackendTarget):
    name = "sqlalchemy"

    def unavailable(self) -> str | None:
        return missing("sqlalchemy", "SQLAlchemy")

    def prepare(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="sqlalchemy-")
        self.open_fresh("tasks").close()

    def dispose(self) -> None:
        shutil.rmtree(self._folder)

    def open(self) -> SqlAlchemyBackend:
        return self._open("tasks")

    def open_fresh(self, token: str) -> SqlAlchemyBackend:
        from sqlalchemy import text

        from adapters.sqlalchemy_rows import Base

        # "if not exists" of one statement is safe from another process, and create_all is not.
        backend = self._open(token)
        with backend.engine.begin() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            Base.metadata.create_all(connection)
        return backend

    def open_misconfigured(self) -> SqlAlchemyBackend:
        return self._open("without-tables")

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        from sqlalchemy import text

        row = {"owner": owner_id, "task": task_id, "data": data, "version": version}
        with self._open("tasks") as backend, backend.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT OR REPLACE INTO tasks (owner_id, task_id, data, version) "
                    "VALUES (:owner, :task, :data, :version)"
                ),
                row,
            )

    def _open(self, name: str) -> SqlAlchemyBackend:
        from sqlalchemy import create_engine

        from adapters.sqlalchemy_rows import SqlAlchemyBackend

        return SqlAlchemyBackend(create_engine(f"sqlite:///{self._folder}/{name}.db"))
