"""Mutants of STORE-38."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Changing, Seam
from pmcp_storage import (
    TaskChange,
    TaskRecord,
    TaskStatus,
    TaskTooLargeError,
    VersionedRecord,
)
from pmcp_storage.store.change import Decide
from pmcp_storage.store.deciding import Deciding


class ChangeWakesTheDead(Seam):
    """breaks STORE-38: change sets any status, so that a task that has ended goes on."""

    class rules(Changing):  # noqa: N801
        class deciding(Deciding):  # noqa: N801
            def _wanted(self, found: VersionedRecord) -> TaskRecord | None:
                wanted = self._decide(found.record)
                if wanted is not None and wanted.status is TaskStatus.WORKING:
                    task = found.record.task.model_copy(update={"status": wanted.status})
                    return found.record.model_copy(update={"task": task})
                return super()._wanted(found)


class ChangeAnnotatesTheEnded(Seam):
    """breaks STORE-38: the message of a task that has ended can still be changed."""

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        found = super().change(owner_id, task_id, lambda _: None)
        wanted = decide(found.record)
        if found.record.status.is_terminal and wanted == TaskChange(message="a"):
            return self.touch(found, status_message="a")
        return super().change(owner_id, task_id, decide, **known)


class ChangeKnowsNoLimits(Seam):
    """breaks STORE-38: change takes variables of any depth and length."""

    def change(self, *args: Any, **known: Any) -> VersionedRecord:
        beyond = self.lifted(max_variable_depth=99, max_string_bytes=self.config.max_record_bytes)
        return beyond.change(*args, **known)


class ChangeKnowsNoSize(Seam):
    """breaks STORE-38: change writes records of any size."""

    def change(self, *args: Any, **known: Any) -> VersionedRecord:
        return self.lifted(max_record_bytes=10**9).change(*args, **known)


class ChangeMeasuresCancellations(Seam):
    """breaks STORE-38: a task that is full to the limit cannot be cancelled by change."""

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        def measured(task: TaskRecord) -> TaskChange | None:
            if (size := len(task.to_json())) > self.config.max_record_bytes:
                raise TaskTooLargeError(size, self.config.max_record_bytes)
            return decide(task)

        return super().change(owner_id, task_id, measured, **known)


class ChangeFindsTheExpired(Seam):
    """breaks STORE-38: change does not ask whether the task that it reads has expired."""

    class rules(Changing):  # noqa: N801
        async def _read(self, owner_id: str, task_id: str) -> VersionedRecord:
            return await self._backend.get(owner_id, task_id)


class ChangeToTheSameStatus(Seam):
    """breaks STORE-38: a status that the task has already is no transition to it."""

    def change(self, owner_id: str, task_id: str, decide: Decide, **known: Any) -> VersionedRecord:
        def unless_same(task: TaskRecord) -> TaskChange | None:
            wanted = decide(task)
            if isinstance(wanted, TaskChange) and wanted.status == task.status:
                return TaskChange(message=wanted.message, variables=wanted.variables)
            return wanted

        return super().change(owner_id, task_id, unless_same, **known)
