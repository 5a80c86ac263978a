"""Mutants of PUT-4."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    Merging,
    Seamed,
    key_of,
)
from pmcp_storage import (
    MemoryStorage,
    TaskRecord,
)
from pmcp_storage.backends.memory import Key, Row


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


class Chunked(MemoryStorage):
    """Keeps the data of a row in chunks of 64 KB; `trim` drops those that a shorter row leaves."""

    size = 64 * 1024
    trim = False

    def __init__(self) -> None:
        super().__init__()
        self.chunks: dict[Key, list[str]] = {}

    def write(self, key: Key, row: Row) -> None:
        parts = [row.data[i : i + self.size] for i in range(0, len(row.data), self.size)]
        kept = self.chunks.setdefault(key, [])
        kept[: len(parts)] = parts
        if self.trim:
            del kept[len(parts) :]
        super().write(key, row._replace(data="".join(kept)))

    def remove(self, key: Key) -> bool:
        self.chunks.pop(key, None)
        return super().remove(key)


class PutLeavesChunks(Chunked):
    """breaks PUT-4: large records are stored in chunks of 64 KB, and a smaller one that replaces
    them leaves the last ones behind.
    """


class PutLeavesTheMethod(Merging):
    """breaks PUT-4: request_method is written once, on creation: the UPDATE lacks the column."""

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update={"request_method": former.request_method})

    def _put(self, record: TaskRecord) -> int:
        return super()._put(self.over_former(record))


class PutKeepsUnknownFields(Merging):
    """breaks PUT-4: fields of the former record that this version does not know survive, as in a
    hash of which only the known ones are set.
    """

    def merged(self, former: TaskRecord, record: TaskRecord) -> TaskRecord:
        return record.model_copy(update=former.model_extra)

    def _put(self, record: TaskRecord) -> int:
        return super()._put(self.over_former(record))
