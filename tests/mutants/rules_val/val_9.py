"""Mutants of VAL-9."""

from __future__ import annotations

from typing import Any

from mutants.base import (
    MutantTarget,
    key_of,
)
from mutants.sqlite import SqliteRows, SqliteRowsTarget
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    RecordTooLargeError,
    TaskRecord,
)


class Limited(InMemoryBackend):
    """A correct backend with a limit."""

    limit = 400 * 1024

    def refuse(self, record: TaskRecord, size: int) -> None:
        raise RecordTooLargeError(size, self.limit)

    def check(self, record: TaskRecord) -> TaskRecord:
        size = len(record.to_json().encode())
        if size > self.limit:
            self.refuse(record, size)
        return record

    def _create(self, record: TaskRecord) -> int:
        return super()._create(self.check(record))

    def _put(self, record: TaskRecord) -> int:
        return super()._put(self.check(record))

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return super()._put_if_version(self.check(record), expected_version)


class LimitedTarget(MutantTarget):
    storage_limit_bytes = Limited.limit


class TooLargeIsABackendError(LimitedTarget):
    """breaks VAL-9: the storage's own error comes through as a BackendError, so that callers retry
    what can never succeed.
    """

    class backend(Limited):  # noqa: N801
        def refuse(self, record: TaskRecord, size: int) -> None:
            raise BackendError("an error occurred (ValidationException)")


class TooLargeIsTruncated(LimitedTarget):
    """breaks VAL-9: a record over the limit is stored without its variables, as lenient modes of
    databases cut what is too long.
    """

    class backend(Limited):  # noqa: N801
        def check(self, record: TaskRecord) -> TaskRecord:
            large = len(record.to_json()) > self.limit
            return record.model_copy(update={"variables": {}}) if large else record


class TooLargeDeletesTheFormer(LimitedTarget):
    """breaks VAL-9: a write deletes the former record before it notices the size: DELETE, then
    INSERT.
    """

    class backend(Limited):  # noqa: N801
        def refuse(self, record: TaskRecord, size: int) -> None:
            self._storage.remove(key_of(record))
            super().refuse(record, size)


class SwapKnowsNoLimit(LimitedTarget):
    """breaks VAL-9: put_if_version forgets to translate the error that create and put do."""

    class backend(Limited):  # noqa: N801
        def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
            try:
                return super()._put_if_version(record, expected_version)
            except RecordTooLargeError as error:
                raise BackendError("the request was refused") from error


class _CountsCharacters(SqliteRows):
    def values(self, record: TaskRecord) -> dict[str, Any]:
        if len(record.to_json()) > 409_600:
            raise RecordTooLargeError(len(record.to_json()), 409_600)
        return super().values(record)


class MeasuresCharacters(SqliteRowsTarget):
    """breaks VAL-9: a limit in bytes is compared with a number of characters."""

    storage_limit_bytes = 409_600

    def __init__(self) -> None:
        super().__init__(_CountsCharacters)


class TooLargeTellsNoSize(LimitedTarget):
    """breaks VAL-9: RecordTooLargeError has size and limit in each other's place."""

    class backend(Limited):  # noqa: N801
        def refuse(self, record: TaskRecord, size: int) -> None:
            raise RecordTooLargeError(self.limit, size)
