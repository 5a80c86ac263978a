"""Shared by the mutants of DUR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mutants.files import Files, FileStorage, FileTarget
from pmcp_storage import (
    InMemoryBackend,
)
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
