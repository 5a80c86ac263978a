"""Mutants of STORE-34."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import AsyncTaskStore, StorageBackend, StoreConfig, VersionedRecord
from pmcp_storage.backends.memory import Key


class ReadsFromACache(Seam):
    """breaks STORE-34: get answers from what this store has read before, until it changes the task
    itself.
    """

    class rules(AsyncTaskStore):  # noqa: N801
        cache: dict[Key, VersionedRecord]

        async def get(self, owner_id: str, task_id: str) -> VersionedRecord:
            self.cache = vars(self).get("cache", {})
            found = self.cache.get((owner_id, task_id))
            if found is None or found.record.is_expired(datetime.now(UTC)):
                found = await super().get(owner_id, task_id)
                self.cache[owner_id, task_id] = deepcopy(found)
            return deepcopy(found)

        async def _read(self, owner_id: str, task_id: str) -> VersionedRecord:
            vars(self).get("cache", {}).pop((owner_id, task_id), None)
            return await super()._read(owner_id, task_id)


class ResultsAreCached(Seam):
    """breaks STORE-34: a result is final and so it is kept; it is still served when another store
    has deleted the task.
    """

    def __init__(self, backend: StorageBackend, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.results: dict[Key, Any] = {}

    def get_result(self, owner_id: str, task_id: str) -> Any:
        key = (owner_id, task_id)
        if key not in self.results:
            self.results[key] = super().get_result(owner_id, task_id)
        return self.results[key]
