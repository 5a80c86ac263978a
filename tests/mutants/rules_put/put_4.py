"""Mutants of PUT-4."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    Merging,
    Seamed,
    key_of,
)
from pmcp_storage import (
    TaskRecord,
)


class MergingPut(Merging):
    def _put(self, record: TaskRecord) -> int:
        return super()._put(self.over_former(record))


class PutMergesVariables(MergingPut):
    """breaks PUT-4: variables of the former record survive, as a JSON merge patch, UpdateItem and
    HSET make them.
    """

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update={"variables": {**former.variables, **record.variables}})


class PutKeepsTheResult(MergingPut):
    """breaks PUT-4: an absent result leaves the former one, as COALESCE(new, old) and ORMs that
    skip None do.
    """

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        result = former.result if record.result is None else record.result
        return record.model_copy(update={"result": result})


class PutKeepsTaskFields(MergingPut):
    """breaks PUT-4: optional fields of the task that are absent keep their former value, as a
    partial document update does.
    """

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        changes: dict[str, Any] = {"meta": record.task.meta or former.task.meta}
        changes["ttl"] = former.task.ttl if record.task.ttl is None else record.task.ttl
        return record.model_copy(update={"task": record.task.model_copy(update=changes)})


class PutKeepsTheExpiry(Seamed):
    """breaks PUT-4: a record put without expiry keeps the stored one, as SET with KEEPTTL and an
    update of the columns that are not None do.
    """

    def _put(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        version = super()._put(record)
        if row is not None and record.expires_at is None:
            self.overwrite(key_of(record), expires_at=row.expires_at)
        return version
