"""A correct durable store in files, and its target: the mutants of DUR and CON-10 break them.

One JSON file a record, replaced by an atomic rename, and one lock of the operating system around
every operation, which threads and processes wait for alike and which ends with its holder.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pmcp_conformance import BackendTarget
from pmcp_storage import InMemoryBackend, MemoryStorage, StorageBackend
from pmcp_storage.backends.memory import Key, Row


class FileLock:
    """Held by one thread of one process at a time: every holder opens the file for itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = -1

    def __enter__(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held = descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._held)


class Files(dict[Key, Row]):
    """Rows that are read from their files each time."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def path(self, key: Key) -> Path:
        owner, task = (sha256(part.encode()).hexdigest()[:40] for part in key)
        return self.folder / owner / f"{task}.json"

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and self.path(key).exists()

    def get(self, key: Key, default: Any = None) -> Any:
        try:
            return parsed(self.path(key).read_text())[1]
        except FileNotFoundError:
            return default

    def of(self, owner_id: str) -> list[tuple[Key, Row]]:
        """The owner's rows in the order of a listing."""
        paths = self.path((owner_id, "")).parent.glob("*.json")
        return sorted((parsed(path.read_text()) for path in paths), reverse=True)

    def everything(self) -> Iterator[tuple[Key, Row]]:
        for path in self.folder.glob("*/*.json"):
            yield parsed(path.read_text())


def written(key: Key, row: Row) -> str:
    """A file's text."""
    expiry = None if row.expires_at is None else row.expires_at.isoformat()
    return json.dumps([*key, row.data, row.version, expiry])


def parsed(text: str) -> tuple[Key, Row]:
    """The key and the row in a file."""
    owner_id, task_id, data, version, expiry = json.loads(text)
    expires_at = None if expiry is None else datetime.fromisoformat(expiry)
    return (owner_id, task_id), Row(data, version, expires_at)


class FileStorage(MemoryStorage):
    """The storage of `InMemoryBackend`, in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.initialize()
        self.lock: Any = FileLock(folder / "lock")
        self.rows: Any = Files(folder)

    def initialize(self) -> None:
        """What the first opening does."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, key: Key, row: Row) -> None:
        path = self.rows.path(key)
        path.parent.mkdir(exist_ok=True)
        self.replace(path, written(key, row))

    def replace(self, path: Path, text: str) -> None:
        """Replace whatever the file holds by this text, in one step."""
        scratch = path.with_suffix(".new")
        scratch.write_text(text)
        scratch.replace(path)

    def remove(self, key: Key) -> bool:
        if key not in self.rows:
            return False
        self.rows.path(key).unlink()
        return True

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        entries = [(key[1], row) for key, row in self.rows.of(owner_id)]
        return [entry for entry in entries if after is None or entry[0] < after][:limit]

    def remove_expired(self, now: datetime) -> int:
        rows = list(self.rows.everything())
        expired = [key for key, row in rows if row.expires_at and row.expires_at <= now]
        return sum(self.remove(key) for key in expired)


class FileTarget(BackendTarget):
    """Files in a temporary folder."""

    name = "files"
    storage: type[FileStorage] = FileStorage
    backend: type[InMemoryBackend] = InMemoryBackend

    def __init__(self) -> None:
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise RuntimeError("prepare() makes the folder, and has not been called")
        return self._folder

    def prepare(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pmcp-files-"))

    def dispose(self) -> None:
        # Only ever what prepare() made: a default such as Path() would be the working directory.
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)  # a thread that hung may still write

    def open(self) -> StorageBackend:
        return self.open_fresh("shared")

    def open_fresh(self, token: str) -> StorageBackend:
        return self.backend(self.storage(self.folder / token))

    def dispose_fresh(self, token: str) -> None:
        shutil.rmtree(self.folder / token, ignore_errors=True)


class InPlace(FileStorage):
    """Truncates a record's file and writes it."""

    def replace(self, path: Path, text: str) -> None:
        path.write_text(text)
