"""Mutants of DEL-3."""

from __future__ import annotations

import json
from typing import Any

from mutants.base import Seamed, SharedBlobs
from mutants.postgres import PgBackend
from pmcp_storage import (
    MemoryStorage,
)
from pmcp_storage.backends.memory import Key


class DeleteMore(MemoryStorage):
    """Deletes other keys along with one that is present."""

    def along(self, key: Key, other: Key) -> bool:
        return False

    def remove(self, key: Key) -> bool:
        if not super().remove(key):
            return False
        for other in list(self.rows):
            if self.along(key, other):
                super().remove(other)
        return True


class DeleteByPrefix(DeleteMore):
    """breaks DEL-3: all ids that begin alike are deleted as well, as with SCAN key* and folders
    of files.
    """

    def along(self, key: Key, other: Key) -> bool:
        return other[0] == key[0] and other[1].startswith(key[1])


class DeleteBySubstring(DeleteMore):
    """breaks DEL-3: ids that contain the deleted one are deleted as well, as with LIKE '%id%'."""

    def along(self, key: Key, other: Key) -> bool:
        return other[0] == key[0] and key[1] in other[1]


class DeleteForEveryOwner(DeleteMore):
    """breaks DEL-3: the task is deleted for every owner: the owner is missing from the WHERE."""

    def along(self, key: Key, other: Key) -> bool:
        return other[1] == key[1]


class DeleteByOwnerPrefix(DeleteMore):
    """breaks DEL-3: the same task of owners whose ids begin alike is deleted as well."""

    def along(self, key: Key, other: Key) -> bool:
        return other[1] == key[1] and other[0].startswith(key[0])


class DeletesByPattern(PgBackend):
    """breaks DEL-3: what belongs to a task has keys that begin with its id, and all of that is
    deleted by LIKE.
    """

    remove = "DELETE FROM {table} WHERE owner_id = %(owner)s AND task_id LIKE %(task)s || '%%'"


class DeletesSharedContents(Seamed):
    """breaks DEL-3: equal contents are stored once, without a count of who refers to them, and a
    delete removes them for all.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        row = self.row((owner_id, task_id))
        found = super()._delete(owner_id, task_id)
        gone = None if row is None else parsed(row.data).get("variables")
        for key, other in list(self._storage.rows.items()):
            fields = parsed(other.data)
            if gone and fields.get("variables") == gone:
                self.overwrite(key, data=json.dumps({**fields, "variables": {}}))
        return found


def parsed(data: str) -> dict[str, Any]:
    """The fields of a row; none where it holds something else."""
    try:
        fields = json.loads(data)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


class DeleteRemovesASharedBlob(SharedBlobs):
    """breaks DEL-3: a delete removes the record's blob, which another record with the same large
    contents still needs.
    """

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self.drop(self.row((owner_id, task_id)))
        return super()._delete(owner_id, task_id)
