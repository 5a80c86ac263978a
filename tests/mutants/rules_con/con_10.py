"""Mutants of CON-10."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mutants.files import FileLock, Files, FileStorage, FileTarget
from pmcp_storage import (
    InMemoryBackend,
    NotFoundError,
    VersionedRecord,
)
from pmcp_storage.backend import read_row
from pmcp_storage.backends.memory import Key, Row

_LOCKS: dict[Path, threading.Lock] = {}


_CACHES: dict[Path, dict[Key, Row]] = {}


_READ: dict[Path, dict[Key, Row]] = {}


_MUTEXES: dict[Path, threading.Lock] = {}


_ABSENT: dict[Path, set[Key]] = {}


class ThreadsLockStorage(FileStorage):
    """All handles of the process share a lock, which other processes know nothing of."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = _LOCKS.setdefault(folder, threading.Lock())


class ThreadsLock(FileTarget):
    """breaks CON-10: the files are guarded by a threading.Lock, which excludes threads but not
    processes.
    """

    storage = ThreadsLockStorage


class CachedFiles(Files):
    """Rows that this process has read or written once it does not read again."""

    def get(self, key: Key, default: Any = None) -> Any:
        cache = _CACHES.setdefault(self.folder, {})
        if key not in cache and (row := super().get(key)) is not None:
            cache[key] = row
        return cache.get(key, default)


class CachingStorage(FileStorage):
    """Keeps rows in the memory of the process, for all of its handles."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = CachedFiles(folder)

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        _CACHES.setdefault(self.folder, {})[key] = row

    def remove(self, key: Key) -> bool:
        _CACHES.setdefault(self.folder, {}).pop(key, None)
        return super().remove(key)


class CacheOfTheProcess(FileTarget):
    """breaks CON-10: the handles of a process share a cache, which is right until another process
    writes.
    """

    storage = CachingStorage


class ReadCacheStorage(FileStorage):
    """Has a cache for all handles of the process, of which each write drops its key."""

    @property
    def cache(self) -> dict[Key, Row]:
        return _READ.setdefault(self.folder, {})

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        self.cache.pop(key, None)

    def remove(self, key: Key) -> bool:
        self.cache.pop(key, None)
        return super().remove(key)


class ReadsTheCache(InMemoryBackend):
    """Reads from the cache, and fills it with what it has read elsewhere."""

    _storage: ReadCacheStorage

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        key, cache = (owner_id, task_id), self._storage.cache
        with self._storage.lock:
            row = cache.get(key) or self._storage.rows.get(key)
            if row is None:
                raise NotFoundError(*key)
            cache[key] = row
        return read_row(owner_id, task_id, row.data, row.version)


class ReadCacheOfTheProcess(FileTarget):
    """breaks CON-10: what has been read is cached until a handle of the same process writes the
    key; a write by another process invalidates nothing.
    """

    storage = ReadCacheStorage
    backend = ReadsTheCache


class OnceAbsentFiles(Files):
    """A key that was absent once stays so for this process, until it writes it itself."""

    def get(self, key: Key, default: Any = None) -> Any:
        absent = _ABSENT.setdefault(self.folder, set())
        row = None if key in absent else super().get(key)
        if row is None:
            absent.add(key)
        return default if row is None else row


class OnceAbsentStorage(FileStorage):
    """Remembers in the process which keys were absent."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = OnceAbsentFiles(folder)

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        _ABSENT.setdefault(self.folder, set()).discard(key)


class ProcessRemembersWhatIsAbsent(FileTarget):
    """breaks CON-10: a process that has found a key absent does not look again, as with a negative
    cache.
    """

    storage = OnceAbsentStorage


class Held(InMemoryBackend):
    """Makes the locks of this module the backend's own code."""


class LeaseLock:
    """A lock file that is taken away from whoever has held it for too long."""

    lease = 0.4

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        while True:
            try:
                return os.close(os.open(self._path, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                with suppress(FileNotFoundError):
                    if time.time() - self._path.stat().st_mtime > self.lease:
                        self._path.unlink()
                time.sleep(0.0005)

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)


class LeasedStorage(FileStorage):
    """Guarded by a lock that expires."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = LeaseLock(folder / "lease")


class LockExpiresUnderItsHolder(FileTarget):
    """breaks CON-10: a lock expires after a while, so that a crash does not leave it for ever, and
    its holder, which was held up meanwhile, writes all the same.
    """

    storage = LeasedStorage
    backend = Held


class ImpatientLock(FileLock):
    """Goes on without the lock when it was not to be had in a while."""

    def __enter__(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + 0.1
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.0005)
        self._held = descriptor


class ImpatientStorage(FileStorage):
    """Guarded by a lock whose refusal nobody looks at."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = ImpatientLock(folder / "lock")


class RefusedLockIsIgnored(FileTarget):
    """breaks CON-10: waiting for the lock ends after a while, and nobody looks whether it was had,
    as with the 0 of MySQL's GET_LOCK or the nil of SET NX.
    """

    storage = ImpatientStorage
    backend = Held


class RecordLock:
    """A lock of POSIX, which is the process's, and a mutex for its threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = _MUTEXES.setdefault(path, threading.Lock())

    def __enter__(self) -> None:
        self._mutex.acquire()
        self._held = os.open(self._path, os.O_RDWR | os.O_CREAT)
        fcntl.lockf(self._held, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._held)
        self._mutex.release()


class RecordLockedStorage(FileStorage):
    """Guarded by such a lock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = RecordLock(folder / "record-lock")


class LooksAtTheLock(Held):
    """Opens the lock's file for reading, and closes it again."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        (self._storage.folder / "record-lock").read_bytes()  # type: ignore[attr-defined]
        return super()._get(owner_id, task_id)


class ClosingReleasesTheLock(FileTarget):
    """breaks CON-10: POSIX takes all locks that a process has on a file as soon as it closes any
    descriptor of it, and a reader opens and closes the file.
    """

    storage = RecordLockedStorage
    backend = LooksAtTheLock
