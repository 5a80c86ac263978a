"""Mutants of ERR-8."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    MutantTarget,
    key_of,
)
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    InMemoryBackend,
    NotFoundError,
    RecordTooLargeError,
    TaskRecord,
    VersionedRecord,
)


class DetailedConflictError(ConcurrentModificationError):
    """An error of this backend's own."""

    def __init__(self, record: TaskRecord, error: ConcurrentModificationError) -> None:
        super().__init__(*key_of(record), error.expected_version, error.actual_version)


class ConflictCannotBePickled(InMemoryBackend):
    """breaks ERR-8: a conflict has a constructor of its own, which pickle calls with the wrong
    arguments: it is lost on its way out of a child process.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            raise DetailedConflictError(record, error) from error


class NotFoundForgetsItsIds(InMemoryBackend):
    """breaks ERR-8: the args of NotFoundError were emptied to shorten its text, and without them
    pickle and copy cannot rebuild it.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError as error:
            error.args = ()
            raise


class ErrorHoldsItsLock(InMemoryBackend):
    """breaks ERR-8: the error holds the connection it came from, which neither pickles nor
    copies.
    """

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except Exception as error:
            error.connection = self._storage.lock  # type: ignore[attr-defined]
            raise


class FlatError(RecordTooLargeError):
    """An error that travels as text."""

    def __reduce__(self) -> tuple[Any, ...]:
        return BackendError, (str(self),)


class TooLargeTravelsAsText(MutantTarget):
    """breaks ERR-8: RecordTooLargeError becomes a BackendError with its text on the way between
    processes, so a caller there retries what can never succeed.
    """

    storage_limit_bytes = 400 * 1024

    class backend(InMemoryBackend):  # noqa: N801
        def _put(self, record: TaskRecord) -> int:
            size = len(record.to_json().encode())
            if size > 400 * 1024:
                raise FlatError(size, 400 * 1024)
            return super()._put(record)
