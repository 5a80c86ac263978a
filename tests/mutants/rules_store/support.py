"""Shared by the mutants of STORE."""

from __future__ import annotations

from typing import Any

from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    StorageBackend,
    StoreConfig,
    VersionedRecord,
)
from pmcp_storage.aio.async_adapter import at_once


class Seam(GenericTaskStore):
    """A correct store that shows what it works on, with rules of one's own in it."""

    rules: type[AsyncTaskStore] = AsyncTaskStore

    def __init__(self, backend: StorageBackend, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.below = backend
        self.config = config or StoreConfig()
        self._store = self.rules(at_once(backend), config)

    def rewrite(self, found: VersionedRecord, **changes: Any) -> VersionedRecord:
        """Write the record once more, with some fields changed."""
        record = found.record.model_copy(update=changes)
        return VersionedRecord(record, self.below.put_if_version(record, found.version))

    def touch(self, found: VersionedRecord, **changes: Any) -> VersionedRecord:
        """Write the record once more, with some fields of its task changed."""
        return self.rewrite(found, task=found.record.task.model_copy(update=changes))

    def lifted(self, **settings: Any) -> GenericTaskStore:
        """A correct store with other limits."""
        return GenericTaskStore(self.below, self.config.model_copy(update=settings))
