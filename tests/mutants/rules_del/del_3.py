"""Mutants of DEL-3."""

from __future__ import annotations

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
