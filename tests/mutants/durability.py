"""Mutants of DUR-1, DUR-3 and DUR-6: what closing, reopening and a first opening destroy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mutants._files import Files, FileStorage, FileTarget
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


class SecondOpenerFails(DurableTarget):
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


class SecondOpenerIsTooEarly(DurableTarget):
    """breaks DUR-6: the schema is created in two steps, and a process that comes in between finds
    half of it.
    """

    storage = SchemaHalfMade


class Clearing(MadeOnce):
    """Clears the place where it creates its schema."""

    def initialize(self) -> None:
        super().initialize()
        if not self.schema.exists():
            for path in self.folder.glob("*/*.json"):
                path.unlink()
            self.schema.write_text("1")


class SecondOpenerClears(DurableTarget):
    """breaks DUR-6: both processes find no schema, and the slower one drops what the faster one has
    written already before it creates its own.
    """

    storage = Clearing
