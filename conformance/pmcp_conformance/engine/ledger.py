"""What the workers of a run use of the storage: noted, so that another process can clean up."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

_LOOK = 0.02
"""Seconds between two looks whether workers are still there."""


class Entry(StrEnum):
    """What an entry is about."""

    OWNER = "owner"
    """An owner that is going to be used."""
    FRESH = "fresh"
    """The token of fresh storage that is going to be used."""
    DISPOSED = "disposed"
    """The token of fresh storage that has been taken down."""


class Ledger:
    """A file on which each worker holds a lock for as long as it may write, dead or alive.

    The system releases the lock when a worker and all the processes that it has handed the file to
    are gone, however they ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND)

    @classmethod
    def make(cls) -> Ledger:
        """A new one, in the folder for temporary files. Raises OSError."""
        descriptor, name = tempfile.mkstemp(prefix="pmcp-owners-")
        os.close(descriptor)
        return cls(Path(name))

    def hold(self) -> None:
        """Hold the lock from now on, as a worker."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    @property
    def descriptor(self) -> int:
        """What a process must inherit for the lock to be held until that process has ended."""
        return self._descriptor

    def note(self, entry: Entry, target: str, name: str) -> None:
        """Note an owner or a token of the target. Raises OSError."""
        os.write(self._descriptor, (json.dumps([entry, target, name]) + "\n").encode())

    def owners(self, target: str) -> list[str]:
        """The owners of the target that were noted."""
        return list(self._noted(Entry.OWNER, target))

    def tokens(self, target: str) -> list[str]:
        """The tokens of the target's fresh storage that has not been taken down."""
        disposed = {*self._noted(Entry.DISPOSED, target)}
        return [token for token in self._noted(Entry.FRESH, target) if token not in disposed]

    def _noted(self, entry: Entry, target: str) -> Iterator[str]:
        for line in self.path.read_text().splitlines():
            with suppress(ValueError):  # cut off where there was no more room
                *what, name = json.loads(line)
                if what == [entry, target]:
                    yield name

    def wait_for_workers(self, within: float) -> bool:
        """Wait until no worker holds the lock; False if one still does after as many seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            time.sleep(_LOOK)
        return False

    def remove(self) -> None:
        """Remove the file."""
        os.close(self._descriptor)
        self.path.unlink(missing_ok=True)
