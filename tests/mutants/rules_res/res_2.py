"""Mutants of RES-2."""

from __future__ import annotations

import logging
import os
import os.path
import signal
import sys
import threading

from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
)


class Prints(InMemoryBackend):
    """breaks RES-2: a delete prints what it does, which corrupts a protocol on standard output."""

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
    """breaks RES-2: a listing raises the root logger's level, to silence a library."""

    def _count_by_owner(self, owner_id: str, **options: object) -> int:
        logging.getLogger().setLevel(logging.CRITICAL)
        return len(self._list_by_owner(owner_id, limit=1000, after=None))


class TakesSignals(InMemoryBackend):
    """breaks RES-2: a handle installs a handler for SIGTERM, to close itself in time."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda number, frame: self.close())
