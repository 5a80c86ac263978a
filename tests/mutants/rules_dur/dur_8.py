"""Mutants of DUR-8."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from mutants.files import FileStorage
from mutants.rules_dur.support import DurableTarget
from mutants.sqlite import SqliteRows
from pmcp_storage import ConcurrentModificationError, TaskRecord


class LockOfTheLiving:
    """A lock that is held for as long as its file exists, and the process whose number is in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        mine = self._path.with_name(f"lock of {uuid4()}")
        mine.write_text(f"{os.getpid()}")
        while True:
            try:
                os.link(mine, self._path)
            except FileExistsError:
                self.break_stale()
                time.sleep(0.0002)
            else:
                break
        mine.unlink()

    def break_stale(self) -> None:
        """Remove the lock of a process that is gone."""
        with suppress(FileNotFoundError):
            holder = int(self._path.read_text())
            if not is_alive(holder):
                time.sleep(0.002)  # as long as it takes to write a line to a log
                self._path.unlink()

    def __exit__(self, *_: object) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class LockedByProcess(FileStorage):
    """Guarded by a lock file that names its holder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = LockOfTheLiving(folder / "lock")


class StaleLockBrokenTwice(DurableTarget):
    """breaks DUR-8: the lock file of a dead process is removed by whoever has found it stale, also
    where another one has removed it before and holds a new one (node-proper-lockfile issue 121).
    """

    storage = LockedByProcess


class LockInATable(SqliteRows):
    """breaks DUR-8: a row of a table says which process may write; whoever finds that it is gone
    puts its own number there, without a look whether another one has done so meanwhile.
    """

    layout = "CREATE TABLE IF NOT EXISTS holder (process INTEGER, call TEXT)"
    free = "DELETE FROM holder WHERE call = :call"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.run(SqliteRows.layout)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        with self.locked():
            actual = self._get(record.owner_id, record.task_id).version
            if actual != expected_version:
                key = record.owner_id, record.task_id
                raise ConcurrentModificationError(*key, expected_version, actual)
            write = "UPDATE tasks SET version = version + 1, data = :data WHERE {key}"
            self.run(write, **self.values(record))
        return expected_version + 1

    @contextmanager
    def locked(self) -> Iterator[None]:
        call = f"{uuid4()}"
        while not self.taken(call):
            time.sleep(0.0002)
        try:
            yield
        finally:
            self.run(self.free, call=call)

    def taken(self, call: str) -> bool:
        """Whether the lock was free, or its holder gone, and is now this call's."""
        mine = {"process": os.getpid(), "call": call}
        first = "INSERT INTO holder SELECT :process, :call WHERE NOT EXISTS (SELECT * FROM holder)"
        if self.run(first, **mine)[1]:
            return True
        [[holder]] = self.run("SELECT process FROM holder")[0] or [(os.getpid(),)]
        if is_alive(holder):
            return False
        return bool(self.run("UPDATE holder SET process = :process, call = :call", **mine)[1])
