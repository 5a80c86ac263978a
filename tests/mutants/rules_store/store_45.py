"""Mutants of STORE-45."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutants.rules_store.support import Seam
from pmcp_storage import (
    CorruptRecordError,
    OutcomeUnknownError,
    TaskBackendError,
    TaskConflictError,
    TaskNotFoundError,
    TaskOutcomeUnknownError,
    TaskPage,
    TaskQuotaError,
    VersionedRecord,
)


class NotFoundForOwnerError(TaskNotFoundError):
    """One that says whose task was looked for."""

    def __str__(self) -> str:
        return f"owner {self.owner_id!r} has no task {self.task_id!r}"


class NotFoundNamesTheOwner(Seam):
    """breaks STORE-45: who asks for a task that is not there is told under which account."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super().get(owner_id, task_id)
        except TaskNotFoundError as error:
            raise NotFoundForOwnerError(*error.args) from error


class QuotaForOwnerError(TaskQuotaError):
    """One that says whose quota is used up."""

    def __str__(self) -> str:
        return f"owner {self.owner_id!r} has {self.limit} tasks"


class QuotaNamesTheOwner(Seam):
    """breaks STORE-45: who has used up a quota is told by name."""

    def create(self, *args: Any, **options: Any) -> VersionedRecord:
        try:
            return super().create(*args, **options)
        except TaskQuotaError as error:
            raise QuotaForOwnerError(*error.args) from error


class ConflictOfOwnerError(TaskConflictError):
    """One that says whose task was changed."""

    def __str__(self) -> str:
        return f"task {self.task_id!r} of owner {self.owner_id!r} was changed meanwhile"


class ConflictsNameTheOwner(Seam):
    """breaks STORE-45: a conflict says whose task it is about."""

    def set_variables(self, *args: Any) -> VersionedRecord:
        try:
            return super().set_variables(*args)
        except TaskConflictError as error:
            raise ConflictOfOwnerError(*error.args) from error


class PassesTextsOn(Seam):
    """breaks STORE-45: the text of the storage's error is passed on, with the owner in it."""

    def cancel(self, owner_id: str, task_id: str) -> VersionedRecord:
        cancelled: VersionedRecord = passing_on(super().cancel, owner_id, task_id)
        return cancelled

    def list(self, owner_id: str, **options: Any) -> TaskPage:
        page: TaskPage = passing_on(super().list, owner_id, **options)
        return page


def passing_on(method: Callable[..., Any], *args: Any, **options: Any) -> Any:
    try:
        return method(*args, **options)
    except TaskBackendError as error:
        cause = error.__cause__
        if isinstance(cause, CorruptRecordError):
            raise TaskBackendError(str(cause)) from cause
        if isinstance(cause, OutcomeUnknownError):
            raise TaskOutcomeUnknownError(cause.message) from cause
        raise
