"""Mutants of LIST-9."""

from __future__ import annotations

from typing import Any

from mutants.postgres import PgBackend
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    InMemoryBackend,
    TaskRecord,
    VersionedRecord,
)


class OwnersByPrefix(InMemoryBackend):
    """breaks LIST-9: a listing holds all owners whose id begins with the given one, as SCAN owner*
    and folders of object stores do.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        owners = {owner for owner, _ in self._storage.rows if owner.startswith(owner_id)}
        found = [
            entry
            for owner in owners
            for entry in super(OwnersByPrefix, self)._list_by_owner(owner, limit=limit, after=after)
        ]
        found.sort(key=lambda entry: entry.record.task_id, reverse=True)
        return found[:limit]


class OwnersWithALabel(InMemoryBackend):
    """breaks LIST-9: an owner's listing includes that of owner#TASK#…, since the prefix of the sort
    key matches both.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        for owner in {owner for owner, _ in self._storage.rows}:
            if owner.startswith(f"{owner_id}#TASK#"):
                found += super()._list_by_owner(owner, limit=limit, after=after)
        found.sort(key=lambda entry: entry.record.task_id, reverse=True)
        return found[:limit]


class ListsByPrefix(PgBackend):
    """breaks LIST-9: a listing finds the keys that begin with the owner, by LIKE."""

    listed = "owner_id LIKE %(owner)s || '%%'"

    def entry(self, owner_id: str, row: tuple[Any, ...], task_id: str) -> VersionedRecord:
        return VersionedRecord(TaskRecord.from_json(row[1]), row[2])


class ListsByJoinedKey(SqliteRows):
    """breaks LIST-9: a listing goes by the prefix of a joined key, owner/tasks/task."""

    key = "owner_id = :owner AND task_id = :task"
    owner = """substr(owner_id || '/tasks/' || task_id, 1, length(:owner) + 7)
        = :owner || '/tasks/'"""
