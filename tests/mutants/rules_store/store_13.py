"""Mutants of STORE-13."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    StorageBackend,
    StoreConfig,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


class AnswersAreCached(Seam):
    """breaks STORE-13: get answers with the object that a change returned, as an object cache
    does.
    """

    def __init__(self, backend: StorageBackend, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.cache: dict[Key, VersionedRecord] = {}

    def set_result(self, owner_id: str, task_id: str, result: Any) -> VersionedRecord:
        return self.cache.setdefault(
            (owner_id, task_id), super().set_result(owner_id, task_id, result)
        )

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return self.cache.get((owner_id, task_id)) or super().get(owner_id, task_id)


class AnswersFromBeforeTheChange(Seam):
    """breaks STORE-13: cancel returns the version that it read."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        changed = super().cancel(owner_id, task_id)
        return VersionedRecord(changed.record, changed.version - 1)
