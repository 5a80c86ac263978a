"""Mutants of KEY-6."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from mutants.base import (
    Seamed,
)
from mutants.postgres import PgBackend
from mutants.rules_key.support import MatchingKeys
from pmcp_storage import (
    InMemoryBackend,
    TaskRecord,
    VersionedRecord,
)


class KeysByLike(MatchingKeys):
    """breaks KEY-6: a key is looked up with LIKE, where % and _ match other ids."""

    def matches(self, pattern: str, text: str) -> bool:
        if not set(pattern) & set("%_"):
            return False
        quoted = re.escape(pattern).replace("%", ".*").replace("_", ".")
        return re.fullmatch(quoted, text, re.DOTALL) is not None


class DeletesByGlob(Seamed):
    """breaks KEY-6: delete takes the id for a glob, as KEYS, SCAN and invalidation in caches do."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        found = super()._delete(owner_id, task_id)
        if found and "*" in task_id:
            for key in list(self._storage.rows):
                if key[0] == owner_id and fnmatch.fnmatchcase(key[1], task_id):
                    super()._delete(*key)
        return found


class ListsByRegex(InMemoryBackend):
    """breaks KEY-6: the owner goes into a regular expression without being escaped, so an owner
    with special characters finds nothing.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        try:
            pattern = re.compile(owner_id)
        except re.error:
            return []
        return [entry for entry in found if pattern.fullmatch(entry.record.owner_id)]


class OwnersAreLikePatterns(PgBackend):
    """breaks KEY-6: a listing compares owners by LIKE, where % and _ stand for anything."""

    listed = "owner_id LIKE %(owner)s"

    def entry(self, owner_id: str, row: tuple[Any, ...], task_id: str) -> VersionedRecord:
        return VersionedRecord(TaskRecord.from_json(row[1]), row[2])
