"""The target of InMemoryBackend, the reference."""

from __future__ import annotations

from typing import Any

from pmcp_conformance.target import BackendTarget
from pmcp_storage import InMemoryBackend, MemoryStorage, NotFoundError, StorageBackend
from pmcp_storage.backends.memory import Row


class MemoryTarget(BackendTarget):
    """The reference."""

    name = "memory"
    interprocess = False
    durable = False

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._fresh: dict[str, MemoryStorage] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {}  # memory is not handed to other processes

    def open(self) -> StorageBackend:
        return InMemoryBackend(self._storage)

    def open_fresh(self, token: str) -> StorageBackend:
        return InMemoryBackend(self._fresh.setdefault(token, MemoryStorage()))

    def dispose_fresh(self, token: str) -> None:
        self._fresh.pop(token, None)

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        with self._storage.lock:
            row = self._storage.rows.get((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        return None if row.expires_at is None else row.expires_at.timestamp()

    def plant(self, owner_id: str, task_id: str, data: str, version: int) -> None:
        with self._storage.lock:
            self._storage.write((owner_id, task_id), Row(data, version, None))
