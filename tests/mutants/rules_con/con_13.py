"""Mutants of CON-13."""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from contextlib import suppress
from itertools import count
from pathlib import Path
from uuid import uuid4

from mutants.files import FileStorage, FileTarget
from mutants.postgres import PgBackend
from pmcp_storage import (
    ConcurrentModificationError,
    InMemoryBackend,
    StorageBackend,
    TaskRecord,
)
from support.postgres_sessions import Pool
from support.tcp_store import TcpBackend, TcpTarget


class ConnectionsAreInherited(TcpTarget):
    """breaks CON-13: a forked process finds connections in the pool that it takes for its own, and
    the two read each other's answers.
    """

    def open(self) -> StorageBackend:
        return TcpBackend(*self.address())


class InheritedPool(Pool):
    """Keeps its connections in a forked process."""

    def _leave_to_parent(self) -> None:
        """Nothing is left to it."""


class SessionsAreInherited(PgBackend):
    """breaks CON-13: a pool of connections to PostgreSQL does not ask which process opened them."""

    def __init__(self, url: str, schema: str) -> None:
        super().__init__(url, schema)
        self.pool = InheritedPool(self.connect)


class LockOpenedOnce:
    """Keeps threads apart by a lock of its own, and processes by one on a file that stays open."""

    def __init__(self, path: Path) -> None:
        self._threads = threading.Lock()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        weakref.finalize(self, os.close, self._descriptor)

    def __enter__(self) -> None:
        self._threads.acquire()
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()


class OwnScratchFiles(FileStorage):
    """Writers that the lock does not keep apart at least do not write to one scratch file."""

    def replace(self, path: Path, text: str) -> None:
        scratch = path.with_suffix(f".{uuid4().hex}")
        scratch.write_text(text)
        scratch.replace(path)


class OpenedOnceStorage(OwnScratchFiles):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = LockOpenedOnce(folder / "lock")


class LockIsInherited(FileTarget):
    """breaks CON-13: flock is held by an open file, which both sides of a fork have: what one of
    them locks is locked for the other as well.
    """

    storage = OpenedOnceStorage


class LeaseByToken:
    """A file that says whose turn it is, and is taken back by whom it names."""

    def __init__(self, path: Path) -> None:
        self._threads = threading.Lock()
        self._path = path.with_name(f"{path.name}-lease")
        self._token = uuid4().hex

    def __enter__(self) -> None:
        self._threads.acquire()
        while not self._is_taken():
            time.sleep(0.0005)

    def _is_taken(self) -> bool:
        try:
            with self._path.open("x") as file:
                file.write(self._token)
        except FileExistsError:
            with suppress(FileNotFoundError):
                return self._path.read_text() == self._token  # left by a call that was interrupted
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        self._threads.release()


class LeasingStorage(OwnScratchFiles):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = LeaseByToken(folder / "lock")


class TokenIsInherited(FileTarget):
    """breaks CON-13: a lease is known by a token that was drawn before the fork, so that either
    process takes the other's for its own.
    """

    storage = LeasingStorage


class NumbersItsWrites(InMemoryBackend):
    """Recognizes its own write in what refuses it, as after an answer that was lost."""

    def __init__(self, storage: FileStorage) -> None:
        super().__init__(storage)
        self._files = storage.rows
        self._name, self._numbers = uuid4().hex, count()

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        mark = self._files.path((record.owner_id, record.task_id)).with_suffix(".by")
        write = f"{self._name}-{next(self._numbers)}"
        try:
            version = super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as conflict:
            applied = mark.exists() and mark.read_text() == write
            if applied and conflict.actual_version == expected_version + 1:
                return conflict.actual_version
            raise
        mark.write_text(write)
        return version


class NumbersAreInherited(FileTarget):
    """breaks CON-13: writes are told apart by the name of the handle and a count, and both sides of
    a fork count on from the same number: the other's write is taken for one's own.
    """

    backend = NumbersItsWrites
