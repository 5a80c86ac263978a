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
from mutants.sqlite import SqliteRows
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


class DeletesOfOwnersByPattern(SqliteRows):
    """breaks KEY-6: a delete compares the owner by LIKE, and removes the tasks of others too."""

    remove = "DELETE FROM tasks WHERE owner_id LIKE :owner AND task_id = :task"


class CountsByPattern(SqliteRows):
    """breaks KEY-6: a count compares the owner by GLOB."""

    count = SqliteRows.count.replace("{owner}", "owner_id GLOB :owner")


class CountsTheLiveByPattern(SqliteRows):
    """breaks KEY-6: what is alive is counted by another query, which compares the owner by GLOB."""

    count = """SELECT count(*) FROM (SELECT 1 FROM tasks
        WHERE (CASE WHEN :at IS NULL THEN {owner} ELSE owner_id GLOB :owner END)
        AND {live} LIMIT :limit)"""


class FurtherPagesByPattern(SqliteRows):
    """breaks KEY-6: the first page of a listing compares the owner by =, further ones by LIKE."""

    page = """SELECT task_id, data, version FROM tasks
        WHERE (CASE WHEN :after IS NULL THEN {owner} ELSE owner_id LIKE :owner END)
        AND (:after IS NULL OR task_id < :after) ORDER BY task_id DESC LIMIT :limit"""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        rows, _ = self.run(self.page, owner=owner_id, limit=self.sent(limit), after=after)
        records = [TaskRecord.from_json(data) for _, data, _ in rows]
        return [VersionedRecord(r, row[2]) for r, row in zip(records, rows, strict=True)]
