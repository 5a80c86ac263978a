"""Mutants of VAL-1."""

from __future__ import annotations

from datetime import UTC, datetime
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


class TtlOf32Bits(AlteringTask):
    """breaks VAL-1: ttl is in a column of 32 bits, which ends at 25 days of milliseconds."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        ttl = record.task.ttl
        return {"ttl": ttl and min(ttl, 2**31 - 1)}


class PollIntervalOf63Bits(AlteringTask):
    """breaks VAL-1: poll_interval is in a signed column of 64 bits."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        value = record.task.poll_interval
        return {"poll_interval": value and min(value, 2**63 - 1)}


class UpdatedNeverBeforeCreated(AlteringTask):
    """breaks VAL-1: last_updated_at is at least created_at, although clocks can be set back."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        task = record.task
        return {"last_updated_at": max(task.last_updated_at, task.created_at)}


class CreatedSince1970(AlteringTask):
    """breaks VAL-1: instants before 1970 become 1970."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"created_at": max(record.task.created_at, datetime(1970, 1, 1, tzinfo=UTC))}


class CreatedUntil2262(AlteringTask):
    """breaks VAL-1: instants are nanoseconds in 64 bits, which end in 2262."""

    def task_changes(self, record: TaskRecord) -> dict[str, Any]:
        return {"created_at": min(record.task.created_at, datetime(2262, 4, 11, tzinfo=UTC))}
