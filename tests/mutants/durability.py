"""Mutants of DUR-1 to DUR-3: what closing or a kill destroys."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mutants._files import Files, FileStorage, FileTarget, parsed, written
from pmcp_storage import BackendError, InMemoryBackend, TaskRecord
from pmcp_storage.backends.memory import Key, Row


class Filed(InMemoryBackend):
    """Makes the files beside this module the backend's own code, where its class stands."""


class DurableTarget(FileTarget):
    """A correct store, whose own code includes its files."""

    backend: type[InMemoryBackend] = Filed


class PendingFiles(Files):
    """Files together with what has not been written to them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.pending: dict[Key, Row | None] = {}

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and self.get(key) is not None

    def get(self, key: Key, default: Any = None) -> Any:
        row = self.pending[key] if key in self.pending else super().get(key)
        return default if row is None else row

    def of(self, owner_id: str) -> list[tuple[Key, Row]]:
        rows: dict[Key, Row | None] = {**dict(super().of(owner_id)), **self.pending}
        return sorted(
            ((k, row) for k, row in rows.items() if row and k[0] == owner_id), reverse=True
        )


class Buffered(FileStorage):
    """Acknowledges what is in the buffer of the handle, which is written when `due` says so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows: PendingFiles = PendingFiles(folder)

    def due(self) -> bool:
        return False

    def write(self, key: Key, row: Row) -> None:
        self.rows.pending[key] = row
        self.flush()

    def remove(self, key: Key) -> bool:
        found = key in self.rows
        self.rows.pending[key] = None
        self.flush()
        return found

    def flush(self) -> None:
        if not self.due():
            return
        pending, self.rows.pending = self.rows.pending, {}
        for key, row in pending.items():
            if row is not None:
                super().write(key, row)
            elif self.rows.path(key).exists():
                super().remove(key)


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
    """breaks DUR-1: a delete is noted in memory only, and what was deleted is back afterwards."""

    storage = NotesDeletes


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


class WrittenLater(Buffered):
    """Writes what has been acknowledged for three milliseconds."""

    written_at = 0.0

    def due(self) -> bool:
        now = time.monotonic()
        if now - self.written_at < 0.003:
            return False
        self.written_at = now
        return True


class WritesBehind(DurableTarget):
    """breaks DUR-2: a write is acknowledged at once and written some milliseconds later."""

    storage = WrittenLater


class WrittenByBytes(Buffered):
    """Leaves it to a buffer of 8 KB when to write."""

    def due(self) -> bool:
        return sum(len(row.data) for row in self.rows.pending.values() if row) > 8_192


class LogStaysUnflushed(DurableTarget):
    """breaks DUR-2: writes go through the buffer of a file object, which nobody flushes before the
    acknowledgement.
    """

    storage = WrittenByBytes


class CommitForgotten(DurableTarget):
    """breaks DUR-2: a handle's writes are one transaction that nobody commits: the handle itself
    sees them, and after a kill nobody does.
    """

    storage = Buffered


class OneFile(Files):
    """All rows in one file."""

    def everything(self) -> Iterator[tuple[Key, Row]]:
        try:
            text = (self.folder / "store").read_text()
        except FileNotFoundError:
            return
        try:
            yield from map(parsed, json.loads(text))
        except ValueError as error:
            raise BackendError("the store is damaged") from error

    def __contains__(self, key: object) -> bool:
        return key in dict(self.everything())

    def get(self, key: Key, default: Any = None) -> Any:
        return dict(self.everything()).get(key, default)

    def of(self, owner_id: str) -> list[tuple[Key, Row]]:
        return sorted(
            (entry for entry in self.everything() if entry[0][0] == owner_id), reverse=True
        )


class OneFileStorage(FileStorage):
    """Truncates and rewrites its file with every write."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = OneFile(folder)

    def write(self, key: Key, row: Row) -> None:
        self.dump({**dict(self.rows.everything()), key: row})

    def remove(self, key: Key) -> bool:
        rows = dict(self.rows.everything())
        found = rows.pop(key, None) is not None
        self.dump(rows)
        return found

    def dump(self, rows: dict[Key, Row]) -> None:
        with (self.folder / "store").open("w") as file:
            json.dump([written(key, row) for key, row in rows.items()], file)


class RewritesTheStore(DurableTarget):
    """breaks DUR-2: every write truncates the one file of the store and writes it anew."""

    storage = OneFileStorage


class InPlace(FileStorage):
    """Truncates a record's file and writes it."""

    def replace(self, path: Path, text: str) -> None:
        path.write_text(text)


class RewritesTheFile(DurableTarget):
    """breaks DUR-2: a record's file is truncated and written instead of being replaced."""

    storage = InPlace


class TwoFiles(Files):
    """Rows whose version stands in a file of its own."""

    def get(self, key: Key, default: Any = None) -> Any:
        row = super().get(key)
        if row is None:
            return default
        return row._replace(version=int(self.path(key).with_suffix(".version").read_text()))


class TwoFilesStorage(FileStorage):
    """Replaces the record's file, then the version's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = TwoFiles(folder)

    def write(self, key: Key, row: Row) -> None:
        version = self.rows.path(key).with_suffix(".version")
        if not version.exists():
            version.parent.mkdir(exist_ok=True)
            self.replace(version, "1")
        super().write(key, row)
        self.replace(version, str(row.version))


class RecordThenVersion(DurableTarget):
    """breaks DUR-2: record and version are stored one after the other, without a transaction: a
    kill leaves the new record at the old version.
    """

    storage = TwoFilesStorage


class CountsFromItsOpening(InMemoryBackend):
    """Numbers the puts of this handle."""

    def __init__(self, storage: Any = None) -> None:
        super().__init__(storage)
        self._written: dict[Key, int] = {}

    def _put(self, record: TaskRecord) -> int:
        key = (record.owner_id, record.task_id)
        with self._storage.lock:
            self._written[key] = version = self._written.get(key, 0) + 1
            self._storage.write(key, Row(record.to_json(), version, record.expires_at))
        return version


class VersionsBeginAnew(DurableTarget):
    """breaks DUR-3: put goes by a counter in memory, which begins at 1 with each opening."""

    backend = CountsFromItsOpening


class DrawsBlocks(InMemoryBackend):
    """Takes ten versions at a time."""

    def __init__(self, storage: Any = None) -> None:
        super().__init__(storage)
        self._drawn: set[Key] = set()

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        key = (record.owner_id, record.task_id)
        if key not in self._drawn and version > 1:
            version += 10 - version % 10
            with self._storage.lock:
                self._storage.write(key, Row(record.to_json(), version, record.expires_at))
        self._drawn.add(key)
        return version


class VersionsInBlocks(DurableTarget):
    """breaks DUR-3: versions are drawn in blocks of ten, as cached sequences are, and what is left
    of a block at closing is skipped.
    """

    backend = DrawsBlocks
