"""The file of SqliteBackend: its layout, and files that it refuses."""

from __future__ import annotations

import gc
import os
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pmcp_storage import (
    BackendError,
    SqliteBackend,
)
from support.processes import fork
from support.records import NOW, make_record
from support.sqlite_support import execute


def test_the_file_is_readable_by_a_person(backend: SqliteBackend, path: Path) -> None:
    backend.create(
        make_record("t\u00e9", owner_id="a:b", expires_at=NOW + timedelta(microseconds=1))
    )
    rows = execute(path, "SELECT owner_id, task_id, status, version, expires_at FROM tasks")
    assert rows == [("a:b", "t\u00e9", "working", 1, 1_771_842_600_000_001)]
    assert execute(path, "SELECT json_extract(data, '$.task.status') FROM tasks") == [("working",)]
    assert execute(path, "PRAGMA journal_mode") == [("wal",)]
    assert execute(path, "PRAGMA application_id") == [(0x504D4350,)]
    assert execute(path, "PRAGMA user_version") == [(1,)]


def test_every_connection_syncs_each_commit(backend: SqliteBackend) -> None:
    with backend._pool.connection() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("path", [":memory:", ""])
def test_a_path_that_names_no_file_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="InMemoryBackend"):
        SqliteBackend(path)


def no_database(path: Path) -> None:
    path.write_bytes(b"These are a person's notes, and no database at all. " * 100)


def another_database(path: Path) -> None:
    execute(path, "CREATE TABLE customers (name TEXT)")


def another_application(path: Path) -> None:
    execute(path, "PRAGMA application_id = 7")


def newer_schema(path: Path) -> None:
    with SqliteBackend(path) as backend:
        backend.create(make_record())
    execute(path, "PRAGMA user_version = 2")


def folder(path: Path) -> None:
    path.mkdir()


def missing_folder(path: Path) -> None:
    path.parent.rmdir()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (no_database, "not a SQLite database: name another file"),
        (another_database, "a SQLite database of something else"),
        (another_application, "a SQLite database of something else"),
        (newer_schema, "has schema version 2, and this version of pmcp-storage supports only 1"),
        (folder, "this is a folder: name a file in it"),
        (missing_folder, "there is no folder"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, prepare: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "folder" / "tasks.db"
    path.parent.mkdir()
    prepare(path)
    gc.collect()
    before = path.read_bytes() if path.is_file() else None
    with SqliteBackend(path) as backend:
        for operation in (lambda: backend.get("o", "t"), lambda: backend.create(make_record())):
            with pytest.raises(BackendError, match=message) as refused:
                operation()
            assert str(path) in str(refused.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_empty_file_is_used(path: Path) -> None:
    path.touch()
    with SqliteBackend(path) as backend:
        assert backend.create(make_record()) == 1


def test_a_read_only_file_or_folder_is_an_error_with_a_remedy() -> None:
    # Not pytest's own folder, which other users may not enter.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tasks.db")
        with SqliteBackend(path) as backend:
            backend.create(make_record())
        path.chmod(0o444)
        path.parent.chmod(0o555)

        def work() -> None:
            with SqliteBackend(path) as backend:
                for _ in range(2):
                    with pytest.raises(BackendError, match="permission") as refused:
                        backend.put(make_record())
                    assert isinstance(refused.value.__cause__, sqlite3.Error)
            with (
                SqliteBackend(path.with_name("new.db")) as backend,
                pytest.raises(BackendError, match="permission"),
            ):
                backend.get("o", "t")

        nobody = 65534 if os.geteuid() == 0 else None  # root may write everywhere
        assert fork(work, nobody) == 0
        path.parent.chmod(0o755)


def test_a_relative_path_keeps_its_meaning_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SqliteBackend("tasks.db") as backend:
        monkeypatch.chdir("/")
        backend.create(make_record())
    assert (tmp_path / "tasks.db").exists()
