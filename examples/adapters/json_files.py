"""One JSON file per task, written to a temporary file and moved into place."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    NotFoundError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
    read_row,
)


class JsonFilesBackend(StorageBackend):
    """Tasks in a folder, with a folder for each owner."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with _errors():
            return self._read(self._path(owner_id, task_id), owner_id, task_id)

    def _create(self, record: TaskRecord) -> int:
        with _errors(), self._lock:
            path = self._path(record.owner_id, record.task_id)
            if path.exists():
                raise AlreadyExistsError(record.owner_id, record.task_id)
            return self._write(path, record, 1)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        key = record.owner_id, record.task_id
        with _errors(), self._lock:
            path = self._path(*key)
            version = self._read(path, *key).version
            if version != expected_version:
                raise ConcurrentModificationError(*key, expected_version, version)
            return self._write(path, record, version + 1)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        with _errors():
            try:
                self._path(owner_id, task_id).unlink()
            except FileNotFoundError:
                return False
            return True

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with _errors():
            rows = [json.loads(path.read_text()) for path in self._owner(owner_id).glob("*.json")]
        below = [row for row in rows if after is None or row["task_id"] < after]
        below.sort(key=lambda row: row["task_id"], reverse=True)
        return [
            read_row(owner_id, row["task_id"], row["data"], row["version"]) for row in below[:limit]
        ]

    def _cleanup_expired(self) -> int:
        now, removed = datetime.now(UTC), 0
        with _errors(), self._lock:
            for path in self._folder.glob("*/*.json"):
                expires_at = json.loads(path.read_text())["expires_at"]
                if expires_at and datetime.fromisoformat(expires_at) <= now:
                    path.unlink()
                    removed += 1
        return removed

    def _owner(self, owner_id: str) -> Path:
        return self._folder / quote(owner_id, safe="")

    def _path(self, owner_id: str, task_id: str) -> Path:
        return self._owner(owner_id) / f"{quote(task_id, safe='')}.json"

    def _read(self, path: Path, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            row = json.loads(path.read_text())
        except FileNotFoundError:
            raise NotFoundError(owner_id, task_id) from None
        return read_row(owner_id, task_id, row["data"], row["version"])

    def _write(self, path: Path, record: TaskRecord, version: int) -> int:
        row = {
            "task_id": record.task_id,
            "version": version,
            "expires_at": record.expires_at.isoformat() if record.expires_at else None,
            "data": record.to_json(),
        }
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as scratch:
            json.dump(row, scratch)
        os.replace(scratch.name, path)
        return version


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackendError(f"{error.filename}: {error.strerror}") from error
