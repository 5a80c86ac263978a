"""Mutants of STORE: what changes make of a task."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mutants.store import Seam
from pmcp_storage import (
    AsyncTaskStore,
    InvalidTransitionError,
    NoResultError,
    StorageBackend,
    StoreConfig,
    TaskEndedError,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


class WaitingCannotFail(Seam):
    """breaks STORE-7: the state machine forgot that a task can fail while it waits for input."""

    def update_status(self, owner: str, task: str, status: Any, *rest: Any) -> VersionedRecord:
        before = self.get(owner, task).record.status
        if (before, status) == (TaskStatus.INPUT_REQUIRED, TaskStatus.FAILED):
            raise InvalidTransitionError(task, before, status, ())
        return super().update_status(owner, task, status, *rest)


class CancelIsIdempotent(Seam):
    """breaks STORE-7: cancel of a task that has been cancelled succeeds and changes nothing."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = self.get(owner_id, task_id)
        if found.record.status is TaskStatus.CANCELLED:
            return found
        return super().cancel(owner_id, task_id)


class MessagesAreCleared(Seam):
    """breaks STORE-8: a change of status without a message takes the old one away."""

    def update_status(
        self, owner: str, task: str, status: Any, message: str | None = None
    ) -> VersionedRecord:
        changed = super().update_status(owner, task, status, message)
        return changed if message is not None else self.touch(changed, status_message=None)


class EmptyMessagesAreNone(Seam):
    """breaks STORE-8: `if message:` keeps the old message where the new one is empty."""

    def update_status(
        self, owner: str, task: str, status: Any, message: str | None = None
    ) -> VersionedRecord:
        return super().update_status(owner, task, status, message or None)


class VariablesAreReplaced(Seam):
    """breaks STORE-9: set_variables replaces all variables by those given."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        gone = dict.fromkeys(self.get(owner, task).record.variables)
        return super().set_variables(owner, task, {**gone, **variables})


class VariablesMergeDeeply(Seam):
    """breaks STORE-9: objects are merged within, as JSON Merge Patch does."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        old = self.get(owner, task).record.variables
        merged = {
            key: {**old[key], **value} if isinstance(value, dict) and key in old else value
            for key, value in variables.items()
        }
        return super().set_variables(owner, task, merged)


class NullsAreKept(Seam):
    """breaks STORE-9: null is stored instead of removing its key."""

    def set_variables(self, owner: str, task: str, variables: Any) -> VersionedRecord:
        changed = super().set_variables(owner, task, variables)
        nulls = {key: None for key, value in variables.items() if value is None}
        return self.rewrite(changed, variables={**changed.record.variables, **nulls})


class ResultsArriveLate(Seam):
    """breaks STORE-10: a result is taken after the end, for a worker that was too slow."""

    def set_result(self, owner: str, task: str, result: Any) -> VersionedRecord:
        try:
            return super().set_result(owner, task, result)
        except TaskEndedError:
            return self.rewrite(self.get(owner, task), result=result)


class CompletesInTwoWrites(Seam):
    """breaks STORE-11: the status is written first and the result after it: a reader in between
    finds a task that has completed without a result.
    """

    def complete_with_result(
        self, owner: str, task: str, status: Any, result: Any, message: str | None = None
    ) -> VersionedRecord:
        return self.rewrite(self.update_status(owner, task, status, message), result=result)


class CompletesWithAnyStatus(Seam):
    """breaks STORE-11: complete_with_result takes statuses after which the task goes on."""

    def complete_with_result(
        self, owner: str, task: str, status: Any, result: Any, message: str | None = None
    ) -> VersionedRecord:
        if status == TaskStatus.INPUT_REQUIRED:
            return self.rewrite(self.update_status(owner, task, status, message), result=result)
        return super().complete_with_result(owner, task, status, result, message)


class FalsyResultsAreNone(Seam):
    """breaks STORE-12: `if not result` takes 0, false and empty values for no result."""

    def get_result(self, owner_id: str, task_id: str) -> Any:
        result = super().get_result(owner_id, task_id)
        if not result:
            raise NoResultError(task_id, self.get(owner_id, task_id).record.status)
        return result


class ResultsComeEarly(Seam):
    """breaks STORE-12: a result can be fetched before the task has ended, and change afterwards."""

    def get_result(self, owner_id: str, task_id: str) -> Any:
        found = self.get(owner_id, task_id).record
        return found.result if found.result is not None else super().get_result(owner_id, task_id)


class AnswersAreCached(Seam):
    """breaks STORE-13: get answers with the object that a change returned, as an object cache
    does.
    """

    def __init__(self, backend: StorageBackend, config: StoreConfig | None = None) -> None:
        super().__init__(backend, config)
        self.cache: dict[Key, VersionedRecord] = {}

    def set_result(self, owner_id: str, task_id: str, result: Any) -> VersionedRecord:
        return self.cache.setdefault(
            (owner_id, task_id), super().set_result(owner_id, task_id, result)
        )

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return self.cache.get((owner_id, task_id)) or super().get(owner_id, task_id)


class AnswersFromBeforeTheChange(Seam):
    """breaks STORE-13: cancel returns the version that it read."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        changed = super().cancel(owner_id, task_id)
        return VersionedRecord(changed.record, changed.version - 1)


class DropsUnknownFields(Seam):
    """breaks STORE-14: a change writes the fields that this version knows."""

    class rules(AsyncTaskStore):  # noqa: N801
        async def _change(
            self, owner_id: str, task_id: str, decide: Callable[[TaskRecord], TaskRecord]
        ) -> VersionedRecord:
            return await super()._change(owner_id, task_id, lambda task: _known(decide(task)))


def _known(record: TaskRecord) -> TaskRecord:
    return TaskRecord(**{name: getattr(record, name) for name in TaskRecord.model_fields})


class ResultsAreNoUpdate(Seam):
    """breaks STORE-15: set_result leaves last_updated_at, so that pollers see no change."""

    def set_result(self, owner: str, task: str, result: Any) -> VersionedRecord:
        before = self.get(owner, task).record.task.last_updated_at
        return self.touch(super().set_result(owner, task, result), last_updated_at=before)


class TimeGoesBack(Seam):
    """breaks STORE-15: last_updated_at is the clock's time, also where that was set back."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        return self.touch(super().cancel(owner_id, task_id), last_updated_at=datetime.now(UTC))
