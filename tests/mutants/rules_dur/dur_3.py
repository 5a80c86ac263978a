"""Mutants of DUR-3."""

from __future__ import annotations

from typing import Any

from mutants.rules_dur.support import DurableTarget
from pmcp_storage import (
    InMemoryBackend,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


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
    """breaks DUR-3: put counts versions in memory, from 1 on with each opening."""

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
