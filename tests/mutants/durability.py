"""Mutants of DUR: what closing, a kill or a first opening destroys."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mutants._files import Files, FileStorage, FileTarget, parsed, written
from pmcp_storage import BackendError, InMemoryBackend, TaskRecord
from pmcp_storage.backends.memory import Key, Row


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


class CloseDropsTheBuffer(FileTarget):
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


class DeletesAreForgotten(FileTarget):
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


class VersionsInMemory(FileTarget):
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


class WritesBehind(FileTarget):
    """breaks DUR-2: a write is acknowledged at once and written some milliseconds later."""

    storage = WrittenLater


class WrittenByBytes(Buffered):
    """Leaves it to a buffer of 8 KB when to write."""

    def due(self) -> bool:
        return sum(len(row.data) for row in self.rows.pending.values() if row) > 8_192


class LogStaysUnflushed(FileTarget):
    """breaks DUR-2: writes go through the buffer of a file object, which nobody flushes before the
    acknowledgement.
    """

    storage = WrittenByBytes


class CommitForgotten(FileTarget):
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


class RewritesTheStore(FileTarget):
    """breaks DUR-2: every write truncates the one file of the store and writes it anew."""

    storage = OneFileStorage


class InPlace(FileStorage):
    """Truncates a record's file and writes it."""

    def replace(self, path: Path, text: str) -> None:
        path.write_text(text)


class RewritesTheFile(FileTarget):
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


class RecordThenVersion(FileTarget):
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


class VersionsBeginAnew(FileTarget):
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


class VersionsInBlocks(FileTarget):
    """breaks DUR-3: versions are drawn in blocks of ten, as cached sequences are, and what is left
    of a block at closing is skipped.
    """

    backend = DrawsBlocks


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


class LockFileStays(FileTarget):
    """breaks DUR-4: the lock is a file that whoever was killed leaves behind."""

    storage = LockedByAFile


class Indexed(FileStorage):
    """An index of its own for listings."""

    def entry(self, key: Key) -> Path:
        return self.rows.path(key).with_suffix(".entry")  # type: ignore[no-any-return]

    def write(self, key: Key, row: Row) -> None:
        super().write(key, row)
        self.entry(key).write_text(json.dumps(key))

    def remove(self, key: Key) -> bool:
        found = super().remove(key)
        self.entry(key).unlink(missing_ok=True)
        return found

    def indexed(self, owner_id: str) -> list[Key]:
        paths = self.rows.path((owner_id, "")).parent.glob("*.entry")
        return sorted((tuple(json.loads(path.read_text())) for path in paths), reverse=True)


class CountsTheIndex(InMemoryBackend):
    """Counts what the index holds."""

    _storage: Indexed

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        with self._storage.lock:
            return len(self._storage.indexed(owner_id))


class DeletesThenUnlists(FileTarget):
    """breaks DUR-5: a delete removes the record, then its entry in the index: two statements
    without a transaction.
    """

    storage = Indexed
    backend = CountsTheIndex


class CleansThenUnlists(Indexed):
    """Removes all expired records, then their entries in the index."""

    def remove(self, key: Key) -> bool:
        self.entry(key).unlink(missing_ok=True)
        return FileStorage.remove(self, key)

    def remove_expired(self, now: datetime) -> int:
        rows = list(self.rows.everything())
        expired = [key for key, row in rows if row.expires_at and row.expires_at <= now]
        removed = sum(FileStorage.remove(self, key) for key in expired)
        for key in expired:
            self.entry(key).unlink(missing_ok=True)
        return removed


class CleanupInTwoSteps(FileTarget):
    """breaks DUR-5: cleanup_expired removes the expired records and then unlists them; a kill in
    between leaves entries without records.
    """

    storage = CleansThenUnlists
    backend = CountsTheIndex


class MadeOnce(FileStorage):
    """Its schema is a folder with a file in it."""

    @property
    def schema(self) -> Path:
        return self.folder / "schema"


class SchemaMadeTwice(MadeOnce):
    """Creates the schema if it has looked and there was none."""

    def initialize(self) -> None:
        if not self.schema.exists():
            self.folder.mkdir()
            self.schema.write_text("1")


class SecondOpenerFails(FileTarget):
    """breaks DUR-6: the first opening looks whether there is a schema and creates it without IF
    NOT EXISTS; the second process fails with "already exists".
    """

    storage = SchemaMadeTwice


class SchemaHalfMade(MadeOnce):
    """Takes a folder for storage that is set up."""

    def initialize(self) -> None:
        try:
            self.folder.mkdir()
        except FileExistsError:
            if self.schema.exists():
                return
            raise BackendError("this is no storage: it has no schema") from None
        self.schema.write_text("1")


class SecondOpenerIsTooEarly(FileTarget):
    """breaks DUR-6: the schema is created in two steps, and a process that comes in between finds
    half of it.
    """

    storage = SchemaHalfMade
