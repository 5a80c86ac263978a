"""Errors of SqliteBackend: locks, full disks, records that are too large, corrupt rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pmcp_storage import (
    BackendError,
    CorruptRecordError,
    RecordTooLargeError,
    SqliteBackend,
    StorageFullError,
)
from support.backend_checks import check_corrupt_row
from support.processes import run_python
from support.records import make_record
from support.sqlite_support import execute


def test_a_lock_held_for_too_long_is_an_error_that_passes(path: Path) -> None:
    with SqliteBackend(path, busy_timeout=0.05) as backend:
        backend.create(make_record())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackendError, match="holds the lock for too long") as refused:
            backend.put(make_record())
        assert isinstance(refused.value.__cause__, sqlite3.OperationalError)
        assert backend.get("o", "t").version == 1
        other.close()
        assert backend.put(make_record()) == 2


Prepare = Callable[[sqlite3.Connection], object]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Callable[[Prepare], None]:
    """Have every connection prepared by SQLite's own means before the backend gets it."""
    connect = sqlite3.connect

    def limit(prepare: Prepare) -> None:
        def connect_limited(*args: Any, **options: Any) -> sqlite3.Connection:
            db: sqlite3.Connection = connect(*args, **options)
            prepare(db)
            return db

        monkeypatch.setattr(sqlite3, "connect", connect_limited)

    return limit


def test_a_full_disk_raises_storage_full(path: Path, limited: Callable[[Prepare], None]) -> None:
    limited(lambda db: db.execute("PRAGMA max_page_count = 20"))
    with SqliteBackend(path) as backend:
        backend.create(make_record())
        with pytest.raises(StorageFullError, match="full") as refused:
            backend.put(make_record(variables={"secret": "x" * 100_000}))
        assert isinstance(refused.value.__cause__, sqlite3.OperationalError)
        assert backend.get("o", "t").version == 1
        assert backend.put(make_record()) == 2


def test_a_record_over_the_limit_of_sqlite_is_too_large(
    path: Path, limited: Callable[[Prepare], None]
) -> None:
    limited(lambda db: db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000))
    with SqliteBackend(path) as backend:
        backend.create(make_record())
        large = make_record(variables={"secret": "x" * 10_000})
        with pytest.raises(RecordTooLargeError) as refused:
            backend.put_if_version(large, 1)
        assert refused.value.size == len(large.to_json())
        assert backend.get("o", "t").version == 1


def test_a_failed_commit_has_an_unknown_outcome(tmp_path: Path) -> None:
    # The system refuses to let the file grow, so the commit's write to the log fails.
    script = f"""
import os, resource
from support.records import make_record
from pmcp_storage import OutcomeUnknownError, SqliteBackend
backend = SqliteBackend({str(tmp_path / "tasks.db")!r})
backend.create(make_record())
size = os.path.getsize({str(tmp_path / "tasks.db-wal")!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
try:
    backend.put(make_record())
except OutcomeUnknownError as error:
    print("unknown", type(error.__cause__).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(backend.get("o", "t").version in (1, 2), backend.put(make_record()) in (2, 3))
"""
    assert run_python(script).split() == ["unknown", "OperationalError", "True", "True"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("data", 7),
        ("data", b"\xff\xfe secret"),
        ("data", "secret"),
        ("data", '{"task": {}, "secret": 1}'),
        ("version", "secret"),
        ("version", 0),
    ],
)
def test_a_corrupt_row_is_named_and_can_be_deleted(
    backend: SqliteBackend, path: Path, column: str, value: object
) -> None:
    backend.create(make_record())
    stored = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
    execute(path, f"UPDATE tasks SET {column} = {stored}", value)
    check_corrupt_row(backend)


def test_a_row_of_another_key_is_never_returned(backend: SqliteBackend, path: Path) -> None:
    backend.create(make_record())
    execute(path, "UPDATE tasks SET owner_id = 'thief'")
    with pytest.raises(CorruptRecordError, match="another owner"):
        backend.get("thief", "t")
