"""What the methods of the task store build on: how it reads, creates and changes a task.

`quota` counts the owner's tasks before a creation. Nothing here checks what callers hand in, and
errors are those of the storage: both is up to the methods.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pmcp_storage.aio.async_adapter import as_async
from pmcp_storage.aio.async_backend import AsyncStorageBackend
from pmcp_storage.backend import StorageBackend, VersionedRecord
from pmcp_storage.errors import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
)
from pmcp_storage.records import TaskRecord
from pmcp_storage.store import lifecycle, validation
from pmcp_storage.store.config import StoreConfig
from pmcp_storage.store.quota import check_quotas
from pmcp_storage.store.wire import wire_form


class StoreBase:
    """A backend, the limits of the store over it, and the steps of the store's methods."""

    def __init__(
        self,
        backend: StorageBackend | AsyncStorageBackend,
        config: StoreConfig | None = None,
    ) -> None:
        self._given = backend
        self._backend = as_async(backend)
        self._config = config or StoreConfig()
        lifecycle.load_minting()

    wire_form = staticmethod(wire_form)

    @property
    def backend(self) -> StorageBackend | AsyncStorageBackend:
        """The backend that the store was given."""
        return self._given

    @property
    def config(self) -> StoreConfig:
        """The limits that the store keeps."""
        return self._config

    def mint_task_id(self) -> str:
        """A fresh id, as `create` mints one: a UUIDv7, or random bits if so configured.

        Raises ModuleNotFoundError where a UUIDv7 is to be minted without uuid-utils.
        """
        return lifecycle.mint_task_id(self._config)

    async def _read(self, owner_id: str, task_id: str) -> VersionedRecord:
        return unexpired(await self._backend.get(owner_id, task_id))

    async def _change(
        self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
    ) -> VersionedRecord:
        found = await self._read(self._owner(owner_id), validation.accept_task_id(task_id))
        record = decide(found.record)
        version = await self._backend.put_if_version(record, found.version)
        return VersionedRecord(record, version)

    async def _create(self, record: TaskRecord) -> VersionedRecord:
        try:
            return VersionedRecord(record, await self._backend.create(record))
        except AlreadyExistsError:
            if (replaced := await self._replace_expired(record)) is None:
                raise
            return replaced

    async def _replace_expired(self, record: TaskRecord) -> VersionedRecord | None:
        # Deleting and creating would start at version 1 again, and a late write to the expired task
        # could overwrite the new one.
        try:
            found = await self._backend.get(record.owner_id, record.task_id)
            if not found.record.is_expired(datetime.now(UTC)):
                return None
            version = await self._backend.put_if_version(record, found.version)
            return VersionedRecord(record, version)
        except (ConcurrentModificationError, NotFoundError):
            return None

    async def _check_quota(self, owner_id: str) -> None:
        await check_quotas(self._backend, owner_id, self._config)

    def _owner(self, owner_id: str) -> str:
        return validation.accept_owner(owner_id, self._config)


def unexpired(found: VersionedRecord) -> VersionedRecord:
    """What was found; NotFoundError if it has expired."""
    record = found.record
    if record.is_expired(datetime.now(UTC)):
        raise NotFoundError(record.owner_id, record.task_id)
    return found
