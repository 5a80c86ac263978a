"""Mutants of STORE-3."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    MemoryStorage,
    TaskAlreadyExistsError,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row


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


class EqualCreationsAreRetries(Seam):
    """breaks STORE-3: a task of the same id, method and variables is taken for the first attempt of
    the same creation and returned; two callers then believe that the task is theirs.
    """

    def create(self, owner_id: str, *args: Any, **options: Any) -> VersionedRecord:
        try:
            return super().create(owner_id, *args, **options)
        except TaskAlreadyExistsError as error:
            found = self.get(owner_id, error.task_id)
            same = (args[0], options.get("variables", {}))
            if (found.record.request_method, found.record.variables) == same:
                return found
            raise


class IdsAreNormalized(Seam):
    """breaks STORE-3: ids are stored in lower case, as UUIDs are normalized, and the id that comes
    back is not the one that was given.
    """

    def create(self, *args: Any, task_id: Any = None, **kwargs: Any) -> VersionedRecord:
        return super().create(*args, task_id=task_id and task_id.lower(), **kwargs)
