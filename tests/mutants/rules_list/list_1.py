"""Mutants of LIST-1."""

from __future__ import annotations

from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key, Row


class IndexByTask(MemoryStorage):
    """breaks LIST-1: the index of a listing goes by task_id, so the last owner who writes an id
    takes it out of the others' listings.
    """

    def write(self, key: Key, row: Row) -> None:
        if key not in self.rows:
            for owner_id, task_ids in self._task_ids.items():
                if owner_id != key[0] and key[1] in task_ids and key[1].startswith("t"):
                    task_ids.remove(key[1])
        super().write(key, row)

    def remove(self, key: Key) -> bool:
        if key in self.rows and key[1] not in self._task_ids.get(key[0], []):
            self._task_ids.setdefault(key[0], []).append(key[1])
            self._task_ids[key[0]].sort()
        return super().remove(key)


class ListingOfTheUnfinished(InMemoryBackend):
    """breaks LIST-1: finished tasks are left out, as by a partial index made for a work queue."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [entry for entry in found if not entry.record.status.is_terminal]
