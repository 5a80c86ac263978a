"""Mutants of DUR-1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mutants.files import Files, FileStorage
from mutants.rules_dur.support import Buffered, DurableTarget, PendingFiles
from pmcp_storage.backends.memory import Key, Row


class WrittenByEights(Buffered):
    """Writes eight records at a time."""

    def due(self) -> bool:
        return len(self.rows.pending) >= 8


class CloseDropsTheBuffer(DurableTarget):
    """breaks DUR-1: closing drops what was buffered instead of writing it."""

    storage = WrittenByEights


class NotesDeletes(FileStorage):
    """Deleting sets a mark in the handle."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows: PendingFiles = PendingFiles(folder)

    def write(self, key: Key, row: Row) -> None:
        self.rows.pending.pop(key, None)
        super().write(key, row)

    def remove(self, key: Key) -> bool:
        found = key in self.rows
        self.rows.pending[key] = None
        return found


class DeletesAreForgotten(DurableTarget):
    """breaks DUR-1: a delete is noted in memory only, and what was deleted is back after
    reopening.
    """

    storage = NotesDeletes


class DeletesAgain(FileStorage):
    """Logs its deletions, and carries them out again when it is opened, as after a crash."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.log = folder / "deletions"
        with self.lock:
            for line in self.log.read_text().splitlines() if self.log.exists() else []:
                super().remove(tuple(json.loads(line)))
            self.log.unlink(missing_ok=True)

    def remove(self, key: Key) -> bool:
        found = super().remove(key)
        if found:
            with self.log.open("a") as log:
                log.write(json.dumps(key) + "\n")
        return found


class DeletionsAreReplayedLast(DurableTarget):
    """breaks DUR-1: opening replays the log, writes first and deletions after them: a key that was
    created anew is gone.
    """

    storage = DeletesAgain


class UnversionedFiles(Files):
    """Rows with the versions that the handle knows of."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.versions: dict[Key, int] = {}

    def get(self, key: Key, default: Any = None) -> Any:
        row = super().get(key)
        return default if row is None else row._replace(version=self.versions.get(key, 1))


class UnversionedStorage(FileStorage):
    """The handle knows the versions, the files do not."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows: UnversionedFiles = UnversionedFiles(folder)

    def write(self, key: Key, row: Row) -> None:
        self.rows.versions[key] = row.version
        super().write(key, row)


class VersionsInMemory(DurableTarget):
    """breaks DUR-1: records are kept and their versions are not: after reopening all are at 1."""

    storage = UnversionedStorage
