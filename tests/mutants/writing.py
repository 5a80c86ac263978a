"""Mutants of PUT: writing whatever is stored."""

from __future__ import annotations

from typing import Any

from mutants.base import Merging, Seamed, key_of
from pmcp_storage import InMemoryBackend, MemoryStorage, NotFoundError, TaskRecord
from pmcp_storage.backends.memory import Key


class PutUpdatesOnly(Seamed):
    """breaks PUT-1: put of an absent key raises NotFoundError, as UPDATE without INSERT does when
    its row count is checked.
    """

    def _put(self, record: TaskRecord) -> int:
        if not self.version(key_of(record)):
            raise NotFoundError(*key_of(record))
        return super()._put(record)


class FirstPutWritesTwice(Seamed):
    """breaks PUT-1: the first put ends at version 2, being an insert followed by an update."""

    def _put(self, record: TaskRecord) -> int:
        if not self.version(key_of(record)):
            self._create(record)
        return super()._put(record)


class PutReturnsTheFormerVersion(InMemoryBackend):
    """breaks PUT-2: put returns the version before it, as ALL_OLD and RETURNING of an older row
    do.
    """

    def _put(self, record: TaskRecord) -> int:
        return max(1, super()._put(record) - 1)


class PutStartsOver(Seamed):
    """breaks PUT-2: every put sets the version to 1, as INSERT OR REPLACE with a column's default
    does.
    """

    def _put(self, record: TaskRecord) -> int:
        self._storage.remove(key_of(record))
        return super()._put(record)


class PutCountsItsOwn(Seamed):
    """breaks PUT-3: put returns what this handle has counted, although put_if_version has advanced
    the stored version meanwhile, as a cached version column does.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._counted: dict[Key, int] = {}

    def _put(self, record: TaskRecord) -> int:
        before = self._counted.get(key_of(record), self.version(key_of(record)))
        super()._put(record)
        self._counted[key_of(record)] = before + 1
        return before + 1

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._counted.pop((owner_id, task_id), None)
        return super()._delete(owner_id, task_id)


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


class IdenticalPutIsNoWrite(Seamed):
    """breaks PUT-5: a put that changes nothing is skipped, as by MySQL's row count, etags and
    change detection of ORMs.
    """

    def _put(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        if row is not None and row.data == record.to_json():
            return row.version
        return super()._put(record)


class PutByTaskAlone(Seamed):
    """breaks PUT-6: a put advances the version of every owner's task of that id: the owner is
    missing from the WHERE.
    """

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        for owner_id, task_id in list(self._storage.rows):
            if task_id == record.task_id and owner_id != record.owner_id:
                self.overwrite((owner_id, task_id), version=version)
        return version


class SwapTouchesSiblings(Seamed):
    """breaks PUT-6: put_if_version advances all tasks of the owner, as where the version belongs
    to the partition or the document that holds them all.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        for key in list(self._storage.rows):
            if key[0] == record.owner_id and key != key_of(record):
                self.overwrite(key, version=self.version(key) + 1)
        return version


class CreateTrimsTheOwner(Seamed):
    """breaks PUT-6: creating a task drops the owner's other tasks from its listing, as an index
    that is written as a whole from a stale copy does.
    """

    def _create(self, record: TaskRecord) -> int:
        version = super()._create(record)
        if record.task_id == "task":
            others = [k for k in self._storage.rows if k[0] == record.owner_id]
            for key in others:
                if key != key_of(record):
                    self._storage.remove(key)
        return version


class PutAfterADeleteGoesOn(Seamed):
    """breaks PUT-7: a put after a delete continues from a version that the handle remembers, as a
    cache does that delete forgets to clear.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._remembered: dict[Key, int] = {}

    def _put(self, record: TaskRecord) -> int:
        key = key_of(record)
        absent = not self.version(key)
        version = super()._put(record)
        if absent and key in self._remembered:
            version = self._remembered[key] + 1
            self.overwrite(key, version=version)
        return version

    def _delete(self, owner_id: str, task_id: str) -> bool:
        self._remembered[owner_id, task_id] = self.version((owner_id, task_id))
        return super()._delete(owner_id, task_id)
