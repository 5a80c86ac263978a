"""Mutants of ERR: handles after errors and after closing, errors as objects, rows of other keys."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import ValidationError

from mutants.base import MutantTarget, Seamed, key_of
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    InMemoryBackend,
    NotFoundError,
    RecordTooLargeError,
    TaskRecord,
    VersionedRecord,
)

_log = logging.getLogger(__name__)


class AbortedAfterAConflict(Seamed):
    """breaks ERR-6: after a refused write the handle's transaction stays open: "commands are
    ignored until the end of the transaction block".
    """

    _aborted = False

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError:
            self._aborted = True
            raise

    def _put(self, record: TaskRecord) -> int:
        if self._aborted:
            self._aborted = False
            raise BackendError("current transaction is aborted")
        return super()._put(record)


class DroppedAfterAnAbsence(Seamed):
    """breaks ERR-6: after a get of an absent key the next listing is empty: the broken cursor is
    used once more.
    """

    _broken = False

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            self._broken = True
            raise

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        broken, self._broken = self._broken, False
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [] if broken else found


class LimitIsStickyAfterAnError(Seamed):
    """breaks ERR-6: a write after a refused create is lost: it is rolled back with it."""

    _refused = False

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except Exception:
            self._refused = True
            raise

    def _put(self, record: TaskRecord) -> int:
        row = self.row(key_of(record))
        version = super()._put(record)
        if self._refused and row is not None:
            self._refused = False
            self.overwrite(key_of(record), version=row.version, data=row.data)
        return version


class SecondCloseFails(InMemoryBackend):
    """breaks ERR-7: closing twice fails, as file descriptors and pools do."""

    def close(self) -> None:
        self._check_open()
        super().close()


class CloseEndsTheStorage(InMemoryBackend):
    """breaks ERR-7: closing one handle ends the storage for all: it closes what it was given."""

    def _close(self) -> None:
        for key in list(self._storage.rows):
            self._storage.remove(key)


class CountsAfterClosing(InMemoryBackend):
    """breaks ERR-7: count_by_owner works on a closed handle, by opening a connection anew."""

    def count_by_owner(self, owner_id: str, **options: Any) -> int:
        closed, self._closed = self._closed, False
        try:
            return super().count_by_owner(owner_id, **options)
        finally:
            self._closed = closed


class ClosedIsAnAttributeError(InMemoryBackend):
    """breaks ERR-7: an operation on a closed handle fails on the None in place of a connection."""

    def _check_open(self) -> None:
        if self._closed:
            raise AttributeError("'NoneType' object has no attribute 'execute'")


class DetailedConflictError(ConcurrentModificationError):
    """An error of this backend's own."""

    def __init__(self, record: TaskRecord, error: ConcurrentModificationError) -> None:
        super().__init__(*key_of(record), error.expected_version, error.actual_version)


class ConflictCannotBePickled(InMemoryBackend):
    """breaks ERR-8: a conflict has a constructor of its own, which pickle calls with the wrong
    arguments: it dies on the way out of a worker process.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            raise DetailedConflictError(record, error) from error


class NotFoundForgetsItsIds(InMemoryBackend):
    """breaks ERR-8: the args of NotFoundError were emptied to shorten its text, and without them
    pickle and copy cannot make it again.
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


class ListingTrustsTheRow(Seamed):
    """breaks ERR-10: a listing returns what the JSON says, whatever key it lies under, so one
    owner can be shown another's task.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            page = self._storage.page(owner_id, limit, after)
        return [self._trusted(owner_id, task_id) for task_id, _ in page]

    def _trusted(self, owner_id: str, task_id: str) -> VersionedRecord:
        row = self.row((owner_id, task_id))
        try:
            assert row is not None
            return VersionedRecord(TaskRecord.from_json(row.data), row.version)
        except ValidationError as error:
            raise CorruptRecordError(owner_id, task_id, "not a record") from error


class GetTrustsTheRow(ListingTrustsTheRow):
    """breaks ERR-10: get returns what the JSON says, whatever its key is."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        super()._get(owner_id, task_id) if self.row((owner_id, task_id)) is None else None
        return self._trusted(owner_id, task_id)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return InMemoryBackend._list_by_owner(self, owner_id, limit=limit, after=after)


class OnlyTheOwnerIsChecked(GetTrustsTheRow):
    """breaks ERR-10: a row that names another task of the same owner is returned: the task_id is
    not compared.
    """

    def _trusted(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._trusted(owner_id, task_id)
        if found.record.owner_id != owner_id:
            raise CorruptRecordError(owner_id, task_id, "its JSON names another owner")
        return found


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
