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
