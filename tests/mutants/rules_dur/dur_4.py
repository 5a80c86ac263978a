"""Mutants of DUR-4."""

from __future__ import annotations

import os
import os.path
import time
from pathlib import Path

from mutants.files import FileStorage, written
from mutants.rules_dur.support import DurableTarget
from pmcp_storage import (
    BackendError,
)
from pmcp_storage.backends.memory import Key, Row


class LockFile:
    """A lock that is held for as long as its file exists."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience

    def __enter__(self) -> None:
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            try:
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                time.sleep(0.0002)
            else:
                return
        raise BackendError("the storage is locked")

    def __exit__(self, *_: object) -> None:
        self._path.unlink()


class LockedByAFile(FileStorage):
    """Guarded by a lock file, for which it waits a little."""

    patience = 0.05

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lock = LockFile(folder / "lock", self.patience)


class LockFileStays(DurableTarget):
    """breaks DUR-4: the lock is a file, which a killed process leaves behind."""

    storage = LockedByAFile


class LockedForEver(LockedByAFile):
    """Waits for the lock file to disappear, however long that takes."""

    patience = 1e9


class WaitsForTheDead(DurableTarget):
    """breaks DUR-4: the next process waits forever for the lock of one that was killed."""

    storage = LockedForEver
    answer_within = 0.2

    def dispose(self) -> None:
        # Whoever still waits finds no place for a lock, rather than one in a half-removed folder.
        self._folder = self.folder.rename(self.folder.with_suffix(".gone"))
        super().dispose()


class OneScratchFile(FileStorage):
    """Prepares a file in a scratch file, of which there must be none yet."""

    def replace(self, path: Path, text: str) -> None:
        scratch = path.with_suffix(".new")
        try:
            with scratch.open("x") as file:
                file.write(text)
        except FileExistsError as error:
            raise BackendError("somebody else is writing") from error
        scratch.replace(path)


class ScratchFileStays(DurableTarget):
    """breaks DUR-4: a half-written scratch file is taken for another writer's, so that its record
    can never be written again.
    """

    storage = OneScratchFile


class Journalled(FileStorage):
    """Notes each write in a journal, its length and then its text, and reads that when opened."""

    def initialize(self) -> None:
        super().initialize()
        journal = self.folder / "journal"
        for line in journal.read_text().splitlines() if journal.exists() else []:
            length, _, text = line.partition(" ")
            if int(length) != len(text):
                raise BackendError("the journal is damaged")

    def write(self, key: Key, row: Row) -> None:
        text = written(key, row)
        with (self.folder / "journal").open("a", buffering=1) as journal:
            journal.write(f"{len(text)} ")
            journal.flush()
            journal.write(text + "\n")
        super().write(key, row)


class HalfALineIsFatal(DurableTarget):
    """breaks DUR-4: the storage does not open when the last line of its journal is incomplete."""

    storage = Journalled
