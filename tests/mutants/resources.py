"""Mutants of RES: what a backend does to its process."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO, ClassVar

from mutants._files import FileLock, FileStorage, FileTarget
from mutants.base import MutantTarget
from pmcp_storage import InMemoryBackend, MemoryStorage, StorageBackend, TaskRecord


class ThreadPerHandle(MutantTarget):
    """breaks RES-1: each handle starts a thread for its cleanup and close does not end it."""

    def __init__(self) -> None:
        super().__init__()
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []

    def open(self) -> StorageBackend:
        self._threads.append(threading.Thread(target=self._end.wait, daemon=True))
        self._threads[-1].start()
        return super().open()

    def dispose(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()


class FilePerHandle(MutantTarget):
    """breaks RES-1: each handle opens a lock file, and close forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self._files: list[IO[str]] = []

    def open(self) -> StorageBackend:
        self._files.append(open(os.devnull))  # noqa: SIM115
        return super().open()

    def dispose(self) -> None:
        for file in self._files:
            file.close()


class FilePerListing(MutantTarget):
    """breaks RES-1: a listing leaves a cursor open that lives on in a list of all cursors."""

    def __init__(self) -> None:
        super().__init__()
        self._files: list[IO[str]] = []

    def open(self) -> StorageBackend:
        files = self._files

        class Leaking(InMemoryBackend):
            def _delete(self, owner_id: str, task_id: str) -> bool:
                files.append(open(os.devnull))  # noqa: SIM115
                return super()._delete(owner_id, task_id)

        return Leaking(self._storage)

    def dispose(self) -> None:
        for file in self._files:
            file.close()


class ForgetfulLock(FileLock):
    """Unlocks in any case, and closes its file only where all went well."""

    forgotten: ClassVar[list[int]] = []

    def __exit__(self, *raised: object) -> None:
        if raised[0] is None:
            super().__exit__()
        else:
            self.forgotten.append(self._held)
            fcntl.flock(self._held, fcntl.LOCK_UN)


class ForgetfulStorage(FileStorage):
    """Guarded by such a lock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = ForgetfulLock(folder / "lock")


class FilePerRefusal(FileTarget):
    """breaks RES-1: whenever a write is refused, the lock's file is unlocked and stays open: an
    exception passes by the line that closes it.
    """

    storage = ForgetfulStorage

    def dispose(self) -> None:
        while ForgetfulLock.forgotten:
            os.close(ForgetfulLock.forgotten.pop())
        super().dispose()


class Prints(InMemoryBackend):
    """breaks RES-2: a delete prints what it does, which spoils a protocol on standard output."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        print("deleted", task_id)
        return super()._delete(owner_id, task_id)


class WritesBesidePython(InMemoryBackend):
    """breaks RES-2: a native library writes to descriptor 1, past sys.stdout."""

    def _cleanup_expired(self) -> int:
        os.write(1, b"vacuum\n")
        return super()._cleanup_expired()


class FlushesLate(InMemoryBackend):
    """breaks RES-2: a message goes to the true standard output when the handle is closed."""

    def _close(self) -> None:
        print("goodbye", file=sys.__stdout__, flush=True)


class SetsTheEnvironment(InMemoryBackend):
    """breaks RES-2: opening a handle sets a default region in the environment of the process."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        os.environ["PMCP_MUTANT_REGION"] = f"region-{id(self)}"


class SetsTheTimeZone(InMemoryBackend):
    """breaks RES-2: a write sets TZ to UTC, to get its own timestamps right."""

    def _put(self, record: TaskRecord) -> int:
        os.environ["TZ"] = "UTC"
        return super()._put(record)


class ConfiguresLogging(InMemoryBackend):
    """breaks RES-2: a handle adds a handler to the root logger, as basicConfig in a library
    does.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        logging.getLogger().addHandler(logging.NullHandler())


class RaisesTheLogLevel(InMemoryBackend):
    """breaks RES-2: a listing turns the root logger's level up, to silence a library."""

    def _count_by_owner(self, owner_id: str, **options: object) -> int:
        logging.getLogger().setLevel(logging.CRITICAL)
        return len(self._list_by_owner(owner_id, limit=1000, after=None))


class TakesSignals(InMemoryBackend):
    """breaks RES-2: a handle installs a handler for SIGTERM, to close itself in time."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda number, frame: self.close())
