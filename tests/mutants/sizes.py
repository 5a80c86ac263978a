"""Mutants of VAL: instants, sizes, and the order of lists."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mutants.base import Altering, MutantTarget, Recoding, Seamed, key_of
from pmcp_storage import (
    BackendError,
    InMemoryBackend,
    RecordTooLargeError,
    TaskRecord,
    VersionedRecord,
)


class AlteringExpiry(Altering):
    """Stores another expires_at in the record's JSON."""

    def instant(self, expires_at: datetime) -> datetime:
        return expires_at

    def altered(self, record: TaskRecord) -> TaskRecord:
        if record.expires_at is None:
            return record
        return record.model_copy(update={"expires_at": self.instant(record.expires_at)})


class ExpiryInMilliseconds(AlteringExpiry):
    """breaks VAL-7: expires_at keeps milliseconds only, as BSON dates do."""

    def instant(self, expires_at: datetime) -> datetime:
        return expires_at.replace(microsecond=expires_at.microsecond // 1000 * 1000)


class ExpiryThroughADouble(AlteringExpiry):
    """breaks VAL-7: expires_at goes through a number of 14 digits, which ends at 10 µs."""

    def instant(self, expires_at: datetime) -> datetime:
        micros = round(expires_at.microsecond / 10) * 10
        return expires_at.replace(microsecond=min(micros, 999_990))


class LargeIsRefused(InMemoryBackend):
    """breaks VAL-8: records over 256 KB are refused: a limit of the queue or cache in between."""

    def _create(self, record: TaskRecord) -> int:
        size = len(record.to_json().encode())
        if size > 256 * 1024:
            raise RecordTooLargeError(size, 256 * 1024)
        return super()._create(record)


class LargeIsNotSwapped(Seamed):
    """breaks VAL-8: put_if_version refuses a record whose request, which holds it twice, is over a
    limit of the protocol.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        size = 2 * len(record.to_json().encode())
        if size > 640 * 1024:
            raise RecordTooLargeError(size, 640 * 1024)
        return super()._put_if_version(record, expected_version)


class LargeIsListedEmpty(InMemoryBackend):
    """breaks VAL-8: a listing leaves the variables of a record of 350 KB out, to save transfer."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [
            VersionedRecord(entry.record.model_copy(update={"variables": {}}), entry.version)
            if len(entry.record.to_json()) >= 350 * 1024
            else entry
            for entry in found
        ]


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


class ListsAreSorted(Recoding):
    """breaks VAL-10: lists of numbers come back sorted, as sets do."""

    def value(self, value: Any) -> Any:
        numbers = isinstance(value, list) and all(type(child) is int for child in value)
        return sorted(value) if numbers else value


class ListsAreSets(Recoding):
    """breaks VAL-10: duplicates within a list of strings are lost, as in DynamoDB's SS."""

    def value(self, value: Any) -> Any:
        texts = isinstance(value, list) and all(isinstance(child, str) for child in value)
        return list(dict.fromkeys(value)) if texts else value
