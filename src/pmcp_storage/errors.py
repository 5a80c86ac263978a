"""The errors of storage backends, one kind per situation that a caller can act on.

Every error keeps its facts as attributes, in the order of its constructor, so that it survives
pickle and copy. No error belongs to one storage: what a storage's own library raised is the
`__cause__`. Neither message, args nor repr shows a record's variables or result; whoever raises
an error with a `message` keeps them out of it.

These are what backends raise. A task store raises the TaskErrors of `store.task_errors`.
"""

from __future__ import annotations


def readable(number: int) -> str:
    """The number in digits; where they would be very many, its size.

    CPython refuses to print an integer of more than 4,300 digits, or of as few as 640 where
    `sys.set_int_max_str_digits` says so.
    """
    return f"{number}" if abs(number) < 10**100 else f"an integer of {number.bit_length()} bits"


class StorageError(Exception):
    """The base of all errors of a storage backend, except those of wrong arguments."""


class NotFoundError(StorageError):
    """This owner has no such record."""

    def __init__(self, owner_id: str, task_id: str) -> None:
        super().__init__(owner_id, task_id)
        self.owner_id = owner_id
        self.task_id = task_id

    def __str__(self) -> str:
        return f"owner {self.owner_id!r} has no task {self.task_id!r}"


class AlreadyExistsError(StorageError):
    """A record to be created is there already; the stored one is unchanged."""

    def __init__(self, owner_id: str, task_id: str) -> None:
        super().__init__(owner_id, task_id)
        self.owner_id = owner_id
        self.task_id = task_id

    def __str__(self) -> str:
        return f"owner {self.owner_id!r} already has a task {self.task_id!r}"


class ConcurrentModificationError(StorageError):
    """The stored version is not the expected one; nothing was written."""

    def __init__(
        self, owner_id: str, task_id: str, expected_version: int, actual_version: int
    ) -> None:
        super().__init__(owner_id, task_id, expected_version, actual_version)
        self.owner_id = owner_id
        self.task_id = task_id
        self.expected_version = expected_version
        self.actual_version = actual_version

    def __str__(self) -> str:
        return (
            f"task {self.task_id!r} of owner {self.owner_id!r} is at version "
            f"{readable(self.actual_version)}, not {readable(self.expected_version)}: "
            "get it again and redo the change"
        )

    def __repr__(self) -> str:
        versions = f"{readable(self.expected_version)}, {readable(self.actual_version)}"
        return f"{type(self).__name__}({self.owner_id!r}, {self.task_id!r}, {versions})"


class RecordTooLargeError(StorageError):
    """The record is over a limit of the storage; nothing was written.

    `size` and `limit` are bytes; `limit` is None where the storage does not say it.
    """

    def __init__(self, size: int, limit: int | None) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        limit = "the storage's limit" if self.limit is None else f"the limit of {self.limit} bytes"
        return f"the record takes {self.size} bytes, which is over {limit}: store less in it"


class StorageFullError(StorageError):
    """The storage takes no more records; nothing was written."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BackendError(StorageError):
    """The storage failed in another way; an operation that wrote has written nothing."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CorruptRecordError(BackendError):
    """A stored row cannot be read as a record, or belongs to another key than its own."""

    def __init__(self, owner_id: str, task_id: str, message: str) -> None:
        super().__init__(message)
        self.args = (owner_id, task_id, message)
        self.owner_id = owner_id
        self.task_id = task_id

    def __str__(self) -> str:
        return (
            f"the stored task {self.task_id!r} of owner {self.owner_id!r} "
            f"cannot be read: {self.message}"
        )


class OutcomeUnknownError(BackendError):
    """The write may or may not have been applied, and nothing proves either.

    Read the record to see; repeat the write only if doing it twice is harmless.
    """
