"""What an error of the storage means to the A2A SDK, whose handlers answer with an A2AError.

A conflict is the error by which a handler sees that another replica has written the task. What the
storage cannot do is an InternalError: the caller's request was not at fault.
"""

from __future__ import annotations

from a2a.server.cluster import ConcurrentTaskModificationError
from a2a.utils.errors import InternalError

from pmcp_storage.aio.translating import translating
from pmcp_storage.errors import (
    AlreadyExistsError,
    ConcurrentModificationError,
    NotFoundError,
    OutcomeUnknownError,
    StorageError,
)


def _a2a_error(error: StorageError) -> Exception:
    match error:
        case AlreadyExistsError() | ConcurrentModificationError() | NotFoundError():
            return ConcurrentTaskModificationError(error.task_id)
        case OutcomeUnknownError():
            return InternalError(f"The task may or may not have been written: {error}")
        case _:
            return InternalError(f"The task storage failed: {error}")


raises_a2a_errors = translating(_a2a_error)
"""The method, raising what each StorageError means to the SDK."""
