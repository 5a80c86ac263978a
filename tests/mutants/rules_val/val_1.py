"""Mutants of VAL-1."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    Altering,
)
from pmcp_storage import (
    TaskRecord,
)


class AlteringTask(Altering):
    """Stores another task than the record's."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {}

    def altered(self, record: TaskRecord) -> TaskRecord:
        task = record.task.model_copy(update=self.task_changes(record))
        return record.model_copy(update={"task": task})


class ZeroTtlIsNone(AlteringTask):
    """breaks VAL-1: a ttl of 0 comes back as None: `ttl or None`."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"ttl": record.task.ttl or None}


class EmptyMetaIsNone(AlteringTask):
    """breaks VAL-1: an empty _meta comes back as None, as where empty maps are not written."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"meta": record.task.meta or None}


class PollIntervalIsForgotten(AlteringTask):
    """breaks VAL-1: poll_interval is lost, as happens to a column that is newer than the
    mapping.
    """

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"poll_interval": None}


class MessageOnlyOnceFinal(AlteringTask):
    """breaks VAL-1: the status message of a working task is lost: one branch forgets it."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {} if record.status.is_terminal else {"status_message": None}


class UpdatedIsCreated(AlteringTask):
    """breaks VAL-1: last_updated_at comes back as created_at: one variable for two columns."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"last_updated_at": record.task.created_at}
