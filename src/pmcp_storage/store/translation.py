"""What an error of the storage means to the caller of a task store."""

from __future__ import annotations

from pmcp_storage.aio.translating import translating
from pmcp_storage.errors import (
    AlreadyExistsError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
)
from pmcp_storage.store.task_errors import (
    TaskAlreadyExistsError,
    TaskBackendError,
    TaskConflictError,
    TaskError,
    TaskNotFoundError,
    TaskOutcomeUnknownError,
    TaskStorageFullError,
    TaskTooLargeError,
)

_UNKNOWN = "the change may or may not have been made: get the task to see"


def task_error(error: StorageError) -> TaskError:
    """The TaskError that a StorageError means to the caller of a store."""
    match error:
        case NotFoundError():
            return TaskNotFoundError(error.owner_id, error.task_id)
        case AlreadyExistsError():
            return TaskAlreadyExistsError(error.owner_id, error.task_id)
        case ConcurrentModificationError():
            return TaskConflictError(*error.args)
        case RecordTooLargeError():
            return TaskTooLargeError(error.size, error.limit)
        case StorageFullError():
            return TaskStorageFullError(error.message)
        case OutcomeUnknownError():
            return TaskOutcomeUnknownError(_UNKNOWN)
        case CorruptRecordError():  # whose text names the owner
            return TaskBackendError(f"task {error.task_id!r} cannot be read: {error.message}")
        case _:
            return TaskBackendError(str(error))


raises_task_errors = translating(task_error)
"""The method, raising the TaskError that each StorageError means."""
