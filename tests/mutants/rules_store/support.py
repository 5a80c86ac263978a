"""Shared by the mutants of STORE."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from inspect import getmembers, iscoroutinefunction
from typing import Any

from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    StorageBackend,
    StoreConfig,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.aio.async_adapter import at_once, run_at_once
from pmcp_storage.store import validation
from pmcp_storage.store.change import Decide
from pmcp_storage.store.deciding import Deciding
from pmcp_storage.store.translation import raises_task_errors


class Altering(AsyncTaskStore):
    """A correct store that can alter what a change makes of a task, before it is written."""

    def altered(self, before: TaskRecord, after: TaskRecord) -> TaskRecord:
        return after

    async def _change(
        self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
    ) -> VersionedRecord:
        return await super()._change(
            owner_id, task_id, lambda task: self.altered(task, decide(task))
        )


class Swapping(AsyncTaskStore):
    """A correct store whose write of a change can be another one."""

    async def swap(self, found: VersionedRecord, record: TaskRecord) -> int:
        """Write the record in place of what was found; its new version."""
        return await self._backend.put_if_version(record, found.version)

    async def _change(
        self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
    ) -> VersionedRecord:
        found = await self._read(self._owner(owner_id), task_id)
        record = decide(found.record)
        return VersionedRecord(record, await self.swap(found, record))


class Changing(AsyncTaskStore):
    """A correct store whose change can be carried out by another Deciding."""

    deciding: type[Deciding] = Deciding

    @raises_task_errors
    async def change(
        self, owner_id: str, task_id: str, decide: Decide, *, known: VersionedRecord | None = None
    ) -> VersionedRecord:
        """As in AsyncTaskStore."""
        owner_id, task_id = self._owner(owner_id), validation.accept_task_id(task_id)
        deciding = self.deciding(self._backend, self._config, decide)
        return await deciding.carry_out(partial(self._read, owner_id, task_id), known)


class Seam(GenericTaskStore):
    """A correct store that shows what it works on, with rules of one's own in it."""

    rules: type[AsyncTaskStore] = AsyncTaskStore

    def __init_subclass__(cls) -> None:
        """The methods of rules of one's own take the place of the store's."""
        if "rules" not in vars(cls):
            return
        for name, method in getmembers(cls.rules, iscoroutinefunction):
            if not name.startswith("_") and method is not getattr(AsyncTaskStore, name, None):
                setattr(cls, name, _blocking(method))

    def __init__(self, backend: StorageBackend, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.below = backend
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


def _blocking(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def blocking(self: Seam, *args: Any, **options: Any) -> Any:
        return run_at_once(method(self._store, *args, **options))

    return blocking
