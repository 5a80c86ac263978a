"""Checking a SQLite file, and completing it: what is missing, wrong or damaged in it.

A check changes nothing. A connection that may write would create the file, move the log into it, or
leave a log behind. So the file is opened to be read only; and where it has no log, that is where
nobody uses it, as one that cannot change, for which SQLite creates no log either.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import tempfile
from contextlib import closing

from pmcp_storage.backends.sqlite.failures import explain
from pmcp_storage.backends.sqlite.file import check_kind, connect, is_ours, lay_out, open_file
from pmcp_storage.backends.sqlite.rows import text
from pmcp_storage.backends.sqlite.statements import PARTS, SCHEMA
from pmcp_storage.errors import BackendError

_BUSY_TIMEOUT = 10.0
"""Seconds to wait for the lock of a process that recovers the file."""


def check_file(path: str) -> None:
    """Read the whole file. Raises BackendError that says what is wrong with it."""
    remedy = f"'pmcp-storage init sqlite {shlex.quote(path)}'"
    check_kind(path)
    if not os.path.exists(path):
        raise BackendError(f"{path} does not exist: create it with {remedy}")
    while True:
        in_use = os.path.exists(f"{path}-wal")
        problem = _problem(path, remedy, in_use)
        # Without a log the file was read as one that nobody changes: somebody may have begun to.
        if in_use or not problem or not os.path.exists(f"{path}-wal"):
            break
    if problem:
        raise BackendError(problem)


def complete_file(path: str) -> str | None:
    """Create the file, or what it lacks; return what an existing one lacked.

    Raises BackendError that says what is wrong with the file.
    """
    try:
        with closing(open_file(path, _BUSY_TIMEOUT)) as db:
            if lacked := layout_problem(db):
                lay_out(db, path)
            problem = layout_problem(db) or _damage(db)
    except sqlite3.Error as error:
        raise explain(error, path, None) from error
    if problem:
        raise BackendError(f"{path} {problem}: restore a backup")
    return lacked


def _problem(path: str, remedy: str, in_use: bool) -> str | None:
    try:
        if not in_use:
            return _problem_of(path, "ro&immutable=1", path, remedy)
        if os.path.exists(f"{path}-shm"):
            return _problem_of(path, "ro", path, remedy)
        return _problem_of_a_copy(path, remedy)
    except sqlite3.Error as error:
        raise explain(error, path, None) from error


def _problem_of_a_copy(path: str, remedy: str) -> str | None:
    # Its log is from a crash: reading it would create the index that goes with it.
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy.db")
        shutil.copyfile(path, copy)
        shutil.copyfile(f"{path}-wal", f"{copy}-wal")
        return _problem_of(copy, "ro", path, remedy)


def _problem_of(file: str, mode: str, path: str, remedy: str) -> str | None:
    """What is wrong with the file, which users know as `path`."""
    with closing(connect(file, _BUSY_TIMEOUT, mode)) as db:
        if not is_ours(db, path):
            return f"{path} is empty: lay it out with {remedy}"
        if problem := layout_problem(db):
            return f"{path} {problem}: restore a backup, or create what is missing with {remedy}"
        damage = _damage(db)
        return f"{path} {damage}: restore a backup" if damage else None


def _damage(db: sqlite3.Connection) -> str | None:
    lines = [text(line) for (line,) in db.execute("PRAGMA quick_check(3)")]
    return None if lines == ["ok"] else f"is damaged: {'; '.join(lines)}"


def layout_problem(db: sqlite3.Connection) -> str | None:
    """What the file lacks of the layout, as the end of a sentence about it; None if nothing."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        for statement in SCHEMA:
            new.execute(statement)
        expected = _parts(new)
    missing = sorted(expected - _parts(db))
    return f"lacks the {missing[0][1]}" if missing else None


def _parts(db: sqlite3.Connection) -> set[tuple[int, str]]:
    return {(rank, text(part)) for rank, part in db.execute(PARTS)}
