"""Shared by the mutants of KEY."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    BackendError,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key


class MatchingKeys(Seamed):
    """Finds, for a key that is absent, another one that its pattern matches."""

    def matches(self, pattern: str, text: str) -> bool:
        return False

    def _create(self, record: TaskRecord) -> int:
        match = self._match(record.owner_id, record.task_id)
        return super()._create(record) if match is None else self._refuse(match)

    def _refuse(self, key: Key) -> int:
        raise BackendError(f"{key[1]!r} is in the way")

    def _match(self, owner_id: str, task_id: str) -> Key | None:
        others = (key for key in list(self._storage.rows) if key[0] == owner_id)
        return next((k for k in others if k[1] != task_id and self.matches(task_id, k[1])), None)
