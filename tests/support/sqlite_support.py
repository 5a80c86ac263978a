"""What the tests of SqliteBackend share: statements executed behind the backend's back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def execute(path: Path, statement: str, *values: Any) -> list[Any]:
    """The rows that a statement returns, on a connection of its own."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.execute(statement, values).fetchall()
