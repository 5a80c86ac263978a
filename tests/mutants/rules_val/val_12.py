"""Mutants of VAL-12."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    Altering,
    Seamed,
)
from pmcp_storage import (
    NotFoundError,
    Task,
    TaskRecord,
    VersionedRecord,
)


def without_extra(record: TaskRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in TaskRecord.model_fields}


class UnknownFieldsDropped(Altering):
    """breaks VAL-12: writing drops fields that this version does not know, so an older server
    damages the records of a newer one.
    """

    def altered(self, record: TaskRecord) -> TaskRecord:
        return TaskRecord(**without_extra(record))


class UnknownTaskFieldsDropped(Altering):
    """breaks VAL-12: fields unknown to the record are kept, those of its task are not."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        task = Task(**{name: getattr(record.task, name) for name in Task.model_fields})
        return record.model_copy(update={"task": task})


class UnknownFieldsUnread(Seamed):
    """breaks VAL-12: get drops fields that it does not know, so changing a record loses them."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        if found is None:
            raise NotFoundError(owner_id, task_id)
        return VersionedRecord(TaskRecord(**without_extra(found.record)), found.version)
