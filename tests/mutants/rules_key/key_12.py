"""Mutants of KEY-12."""

from __future__ import annotations

from mutants.base import (
    CollatedStorage,
    Seamed,
)
from pmcp_storage import (
    BackendError,
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


class MetaRow(Seamed):
    """breaks KEY-12: a row of the storage itself is kept among the tasks: __meta__ is taken."""

    def _create(self, record: TaskRecord) -> int:
        if record.task_id == "__meta__":
            raise BackendError("the row __meta__ belongs to the storage")
        return super()._create(record)


class UnderscoresAreInternal(MemoryStorage):
    """breaks KEY-12: a listing leaves out ids that begin with an underscore."""

    def page(self, owner_id: str, limit: int, after: str | None) -> list[tuple[str, Row]]:
        found = super().page(owner_id, limit, after)
        return [entry for entry in found if not entry[0].startswith("_")]


class FieldsOfAHash(CollatedStorage):
    """breaks KEY-12: tasks and the owner's version live in one hash, so the task "version" is the
    counter.
    """

    def folded(self, key: Key) -> Key:
        return key[0], "_version" if key[1] == "version" else key[1]
