"""The errors of a task store, each with what a JSON-RPC server answers with.

Like the errors of backends, they keep their facts as attributes, in the order of their
constructors, and show no variables and no results. Their texts, which clients may see, name no
owner either. The StorageError behind one, if there is one, is its `__cause__`; `translation` says
which becomes which.
"""

from __future__ import annotations

from typing import ClassVar

from pmcp_storage.errors import readable

INVALID_PARAMS = -32602
"""The JSON-RPC code for a mistake in the request."""

INTERNAL_ERROR = -32603
"""The JSON-RPC code for a failure of the server."""


class TaskError(Exception):
    """What a task store refuses or cannot do.

    `code` is the JSON-RPC error code: -32602 where the request is wrong, so that repeating it is
    in vain; -32603 where the server's state or its storage stands in the way.
    """

    code: ClassVar[int] = INVALID_PARAMS


class TaskNotFoundError(TaskError):
    """This owner has no such task: there is none, it has expired, or it is another owner's."""

    def __init__(self, owner_id: str, task_id: str) -> None:
        super().__init__(owner_id, task_id)
        self.owner_id = owner_id
        self.task_id = task_id

    def __str__(self) -> str:
        return f"there is no task {self.task_id!r}"


class TaskAlreadyExistsError(TaskError):
    """A task to be created is there already; the stored one is unchanged."""

    def __init__(self, owner_id: str, task_id: str) -> None:
        super().__init__(owner_id, task_id)
        self.owner_id = owner_id
        self.task_id = task_id

    def __str__(self) -> str:
        return (
            f"there is a task {self.task_id!r} already: "
            "create it under another id, or under none to have one minted"
        )


class InvalidTransitionError(TaskError):
    """The state machine has no such transition; `allowed` are the statuses that can follow."""

    def __init__(
        self, task_id: str, from_status: str, to_status: str, allowed: tuple[str, ...]
    ) -> None:
        super().__init__(task_id, from_status, to_status, allowed)
        self.task_id = task_id
        self.from_status = from_status
        self.to_status = to_status
        self.allowed = allowed

    def __str__(self) -> str:
        remedy = f"choose {', '.join(self.allowed)}" if self.allowed else "it has ended for good"
        return (
            f"task {self.task_id!r} cannot go from {self.from_status} to {self.to_status}: {remedy}"
        )


class TaskEndedError(TaskError):
    """The task has ended, so that its variables and its result stay as they are."""

    def __init__(self, task_id: str, status: str) -> None:
        super().__init__(task_id, status)
        self.task_id = task_id
        self.status = status

    def __str__(self) -> str:
        return f"task {self.task_id!r} is {self.status} and takes no more changes"


class TaskNotReadyError(TaskError):
    """The task has not ended, so that it has no final result yet."""

    def __init__(self, task_id: str, status: str) -> None:
        super().__init__(task_id, status)
        self.task_id = task_id
        self.status = status

    def __str__(self) -> str:
        return f"task {self.task_id!r} is still {self.status}: ask again when it has ended"


class NoResultError(TaskError):
    """The task has ended without a result."""

    def __init__(self, task_id: str, status: str) -> None:
        super().__init__(task_id, status)
        self.task_id = task_id
        self.status = status

    def __str__(self) -> str:
        return f"task {self.task_id!r} is {self.status} and has no result: see its status message"


class TaskTooLargeError(TaskError):
    """The task would be over a limit of the store or its storage; nothing was written.

    `size` and `limit` are bytes of the whole record as JSON; `limit` is None where the storage
    does not say it.
    """

    def __init__(self, size: int, limit: int | None) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        limit = "the storage's limit" if self.limit is None else f"the limit of {self.limit} bytes"
        return (
            f"the task would take {self.size} bytes, which is over {limit}: keep large data "
            "elsewhere and only a reference to it in the task"
        )


class InvalidCursorError(TaskError):
    """The cursor did not come from a listing of this owner's tasks."""

    def __str__(self) -> str:
        return (
            "the cursor did not come from a listing of this owner's tasks: pass next_cursor "
            "as it was given, or no cursor to start with the newest task"
        )


class InvalidTtlError(TaskError):
    """The ttl is not from 1 to `max_ttl_ms` milliseconds."""

    def __init__(self, ttl_ms: int, max_ttl_ms: int) -> None:
        super().__init__(ttl_ms, max_ttl_ms)
        self.ttl_ms = ttl_ms
        self.max_ttl_ms = max_ttl_ms

    def __str__(self) -> str:
        given = readable(self.ttl_ms)
        return f"ttl_ms must be from 1 to {self.max_ttl_ms} milliseconds, not {given}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({readable(self.ttl_ms)}, {self.max_ttl_ms})"


class InvalidVariablesError(TaskError):
    """The variables are not what a task can hold: `reason`, at `place`."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class AnonymousOwnerError(TaskError):
    """The owner is anonymous, and the store serves no anonymous owners."""

    def __init__(self, owner_id: str) -> None:
        super().__init__(owner_id)
        self.owner_id = owner_id

    def __str__(self) -> str:
        return (
            "the owner is anonymous: authenticate the caller, or set allow_anonymous where all "
            "callers may share their tasks"
        )


class InvalidArgumentError(TaskError):
    """An argument is one that no task can have: `reason`."""

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(argument, reason)
        self.argument = argument
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.argument}: {self.reason}"


class TaskConflictError(TaskError):
    """Somebody else changed the task between its reading and its writing; nothing was written."""

    code = INTERNAL_ERROR

    def __init__(
        self, owner_id: str, task_id: str, expected_version: int, actual_version: int
    ) -> None:
        super().__init__(owner_id, task_id, expected_version, actual_version)
        self.owner_id = owner_id
        self.task_id = task_id
        self.expected_version = expected_version
        self.actual_version = actual_version

    def __str__(self) -> str:
        versions = f"{readable(self.expected_version)} to {readable(self.actual_version)}"
        return (
            f"task {self.task_id!r} was changed from version {versions} meanwhile: "
            "get it again and decide whether the change still applies"
        )

    def __repr__(self) -> str:
        versions = f"{readable(self.expected_version)}, {readable(self.actual_version)}"
        return f"{type(self).__name__}({self.owner_id!r}, {self.task_id!r}, {versions})"


class TaskQuotaError(TaskError):
    """The owner has as many tasks as the store allows; nothing was written.

    `unfinished` says which limit is reached: that of tasks that have not ended, or of all that
    have not expired.
    """

    code = INTERNAL_ERROR

    def __init__(self, owner_id: str, limit: int, unfinished: bool = False) -> None:
        super().__init__(owner_id, limit, unfinished)
        self.owner_id = owner_id
        self.limit = limit
        self.unfinished = unfinished

    def __str__(self) -> str:
        if self.unfinished:
            return (
                f"there are {self.limit} unfinished tasks, as many as an owner may have: cancel "
                "some or wait until some end"
            )
        return (
            f"there are {self.limit} tasks, as many as an owner may have: delete some or wait "
            "until some expire"
        )


class TaskStorageFullError(TaskError):
    """The storage takes no more tasks; nothing was written."""

    code = INTERNAL_ERROR

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TaskBackendError(TaskError):
    """The storage failed in another way; an operation that wrote has written nothing."""

    code = INTERNAL_ERROR

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TaskOutcomeUnknownError(TaskBackendError):
    """The change may or may not have been made, and nothing proves either.

    Get the task to see.
    """
