"""Mutants of STORE: creating, expiring and deleting tasks, and the seam of a store to break."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    MemoryStorage,
    StorageBackend,
    StoreConfig,
    TaskAlreadyExistsError,
    TaskNotFoundError,
    VersionedRecord,
)
from pmcp_storage.aio import call_at_once
from pmcp_storage.backends.memory import Key, Row


class Seam(GenericTaskStore):
    """A correct store that shows what it works on, with rules of one's own in it."""

    rules: type[AsyncTaskStore] = AsyncTaskStore

    def __init__(self, backend: StorageBackend, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.below = backend
        self.config = config or StoreConfig()
        self._store = self.rules(backend, config)
        self._store._call = call_at_once

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


class CreatesInTwoWrites(Seam):
    """breaks STORE-1: the task is created bare and its variables follow in a second write."""

    def create(self, *args: Any, variables: Any = None, **kwargs: Any) -> VersionedRecord:
        made = super().create(*args, **kwargs)
        given = {key: value for key, value in (variables or {}).items() if value is not None}
        return self.rewrite(made, variables=given) if given else made


class CreationsFromAFactory(Seam):
    """breaks STORE-1: create answers with the request's data before the storage cut the times."""

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        made = super().create(*args, **kwargs)
        later = made.record.task.created_at + timedelta(milliseconds=1)
        task = made.record.task.model_copy(update={"last_updated_at": later})
        return VersionedRecord(made.record.model_copy(update={"task": task}), made.version)


class MintsRandomIds(Seam):
    """breaks STORE-2: ids are UUIDs of version 4, in no order, and listings with them."""

    def create(self, *args: Any, task_id: str | None = None, **kwargs: Any) -> VersionedRecord:
        return super().create(*args, task_id=task_id or str(uuid4()), **kwargs)


class CreatesOverEndedTasks(Seam):
    """breaks STORE-3: an id is free again once its task has ended, and the result is gone."""

    def create(self, owner_id: str, *args: Any, **kwargs: Any) -> VersionedRecord:
        try:
            return super().create(owner_id, *args, **kwargs)
        except TaskAlreadyExistsError as error:
            if self.get(owner_id, error.task_id).record.status.is_terminal:
                self.delete(owner_id, error.task_id)
            return super().create(owner_id, *args, **kwargs)


class IdsAreGlobal(MemoryStorage):
    """breaks STORE-3: the primary key is the task's id alone, so that owners collide."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = RowsOfAnybody()


class RowsOfAnybody(dict[Key, Row]):
    """A key counts as present where anybody has the id."""

    def __contains__(self, key: object) -> bool:
        return any(isinstance(key, tuple) and held[1] == key[1] for held in self)


class ChangesRenewTheLease(Seam):
    """breaks STORE-4: a change makes the task live another ttl, as a session's expiry slides."""

    def set_variables(self, *args: Any) -> VersionedRecord:
        changed = super().set_variables(*args)
        ttl = timedelta(milliseconds=changed.record.task.ttl or 0)
        return self.rewrite(changed, expires_at=datetime.now(UTC) + ttl)


class TtlOfSeconds(Seam):
    """breaks STORE-4: the ttl is kept as milliseconds and applied as seconds."""

    def create(self, *args: Any, **kwargs: Any) -> VersionedRecord:
        made = super().create(*args, **kwargs)
        expires_at = made.record.task.created_at + timedelta(seconds=made.record.task.ttl or 0)
        record = made.record.model_copy(update={"expires_at": expires_at})
        self.below.delete(record.owner_id, record.task_id)
        return VersionedRecord(record, self.below.create(record))


class TtlIsCapped(Seam):
    """breaks STORE-5: a ttl over the maximum is shortened, and the task ends before its caller
    expects it.
    """

    def create(self, *args: Any, ttl_ms: int | None = None, **kwargs: Any) -> VersionedRecord:
        ttl_ms = min(ttl_ms, self.config.max_ttl_ms) if isinstance(ttl_ms, int) else ttl_ms
        return super().create(*args, ttl_ms=ttl_ms, **kwargs)


class TtlZeroIsTheDefault(Seam):
    """breaks STORE-5: `ttl or default` takes 0 for none given."""

    def create(self, *args: Any, ttl_ms: int | None = None, **kwargs: Any) -> VersionedRecord:
        return super().create(*args, ttl_ms=ttl_ms or None, **kwargs)


class DeletesEverybodys(Seam):
    """breaks STORE-6: delete goes by the id alone, whoever asks."""

    def delete(self, owner_id: str, task_id: str) -> bool:
        handle: Any = self.below
        for owner, task in list(handle._keys):
            if task == task_id:
                handle.delete(owner, task)
        return super().delete(owner_id, task_id)


class DeletesTheEndedOnly(Seam):
    """breaks STORE-6: a task that still works is not deleted."""

    def delete(self, owner_id: str, task_id: str) -> bool:
        try:
            if not self.get(owner_id, task_id).record.status.is_terminal:
                return False
        except TaskNotFoundError:
            return False
        return super().delete(owner_id, task_id)
