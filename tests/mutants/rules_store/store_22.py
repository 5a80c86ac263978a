"""Mutants of STORE-22."""

from __future__ import annotations

from typing import Any

from mutants.rules_store.support import Altering, Seam
from pmcp_storage import (
    TaskRecord,
    TaskStatus,
    TaskTooLargeError,
    VersionedRecord,
)
from pmcp_storage.store import validation


class CountsCharacters(Seam):
    """breaks STORE-22: the limit is of characters, and text that is not ASCII goes over it."""

    def set_result(self, owner: str, task: str, result: Any) -> VersionedRecord:
        record = self.get(owner, task).record.model_copy(update={"result": result})
        size, limit = len(record.to_json()), self.config.max_record_bytes
        if size > limit:
            raise TaskTooLargeError(size, limit)
        return self.lifted(max_record_bytes=10**6).set_result(owner, task, result)


class MeasuresTheChangeAlone(Seam):
    """breaks STORE-22: only what is handed in is measured, so that many small changes grow a task
    without bound.
    """

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        record = self.get(owner, task).record.model_copy(update={"variables": variables})
        size, limit = len(record.to_json().encode()), self.config.max_record_bytes
        if size > limit:
            raise TaskTooLargeError(size, limit)
        return self.lifted(max_record_bytes=10**6).set_variables(owner, task, variables)


class MessagesAreNotMeasured(Seam):
    """breaks STORE-22: a task can grow over the limit by its message."""

    def update_status(self, *args: Any) -> VersionedRecord:
        return self.lifted(max_record_bytes=10**6).update_status(*args)


class LastMessagesAreNotMeasured(Seam):
    """breaks STORE-22: the message of complete_with_result is added after the record was
    measured.
    """

    class rules(Altering):  # noqa: N801
        message: str | None = None

        def altered(self, before: TaskRecord, after: TaskRecord) -> TaskRecord:
            if self.message is None or not after.status.is_terminal:
                return after
            task = after.task.model_copy(update={"status_message": self.message})
            return after.model_copy(update={"task": task})

        async def complete_with_result(
            self, owner_id: str, task_id: str, status: Any, result: Any, message: Any = None
        ) -> VersionedRecord:
            self.message = validation.accept_message(message)
            return await super().complete_with_result(owner_id, task_id, status, result)


class FullTasksCannotBeCancelled(Seam):
    """breaks STORE-22: the limit holds for a cancellation, too, and "cancelled" is longer than
    "working".
    """

    class rules(Altering):  # noqa: N801
        def altered(self, before: TaskRecord, after: TaskRecord) -> TaskRecord:
            size, limit = len(after.to_json().encode()), self._config.max_record_bytes
            if after.status is TaskStatus.CANCELLED and size > limit:
                raise TaskTooLargeError(size, limit)
            return after
