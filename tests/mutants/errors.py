"""Mutants of ERR: kinds of errors, and what they say."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

from mutants.base import MutantTarget, Seamed
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    InMemoryBackend,
    NotFoundError,
    StorageBackend,
    TaskRecord,
    VersionedRecord,
)

_log = logging.getLogger(__name__)


class Missing(InMemoryBackend):
    """A correct backend whose table is missing: every operation fails, as `fault` has it."""

    def fault(self, operation: str) -> Any:
        try:
            raise sqlite3.OperationalError("no such table: tasks")
        except sqlite3.Error as error:
            raise BackendError(
                "the table tasks is missing: create it with `pmcp-storage init`"
            ) from error

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found: VersionedRecord = self.fault("get")
        return found

    def _create(self, record: TaskRecord) -> int:
        return int(self.fault("create"))

    def _put(self, record: TaskRecord) -> int:
        return int(self.fault("put"))

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return int(self.fault("put_if_version"))

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return bool(self.fault("delete"))

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return list(self.fault("list_by_owner"))

    def _cleanup_expired(self) -> int:
        return int(self.fault("cleanup_expired"))


class MissingTarget(MutantTarget):
    """A target that can open storage whose table is missing."""

    missing: type[Missing] = Missing

    def open_misconfigured(self) -> StorageBackend:
        return self.missing()


class LibraryErrorEscapes(MissingTarget):
    """breaks ERR-1: sqlite3.OperationalError comes out of a delete: one operation forgot to
    translate it.
    """

    class missing(Missing):  # noqa: N801
        def fault(self, operation: str) -> Any:
            if operation == "delete":
                raise sqlite3.OperationalError("no such table: tasks")
            return super().fault(operation)


class CleanupErrorEscapes(MissingTarget):
    """breaks ERR-1: sqlite3.OperationalError comes out of cleanup_expired only, which runs from a
    timer and takes it down.
    """

    class missing(Missing):  # noqa: N801
        def fault(self, operation: str) -> Any:
            if operation == "cleanup_expired":
                raise sqlite3.OperationalError("no such table: tasks")
            return super().fault(operation)


class CauseIsHidden(MissingTarget):
    """breaks ERR-1: the library's error is cut off with `from None`, and with it all that would
    tell what happened.
    """

    class missing(Missing):  # noqa: N801
        def fault(self, operation: str) -> Any:
            try:
                return super().fault(operation)
            except BackendError:
                raise BackendError("the table tasks is missing: create it first") from None


class KeyErrorEscapes(InMemoryBackend):
    """breaks ERR-1: put_if_version of an absent key is a KeyError."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except NotFoundError:
            raise KeyError(record.task_id) from None


class CorruptIsAbsent(InMemoryBackend):
    """breaks ERR-2: a row that cannot be read is reported as absent, and a caller creates the task
    anew, over it.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except CorruptRecordError:
            raise NotFoundError(owner_id, task_id) from None


class CorruptIsAValueError(Seamed):
    """breaks ERR-2: broken JSON is the decoder's ValueError: only wrong shapes are translated."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        row = self.row((owner_id, task_id))
        if row is not None:
            json.loads(row.data)
        return super()._get(owner_id, task_id)


class CorruptIsRepaired(Seamed):
    """breaks ERR-2: a row without owner is given the one of its key: defaults fill the gaps."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        row = self.row((owner_id, task_id))
        fields = json.loads(row.data) if row and row.data.startswith('{"') else {}
        if row and "ownerId" not in fields and fields.get("task"):
            record = TaskRecord.from_json(json.dumps({**fields, "ownerId": owner_id}))
            return VersionedRecord(record, row.version)
        return super()._get(owner_id, task_id)


class CorruptIsLeftOut(InMemoryBackend):
    """breaks ERR-3: a listing leaves rows out that it cannot read: `except: continue`."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        with self._storage.lock:
            page = self._storage.page(owner_id, limit, after)
        return list(self._readable(owner_id, [task_id for task_id, _ in page]))

    def _readable(self, owner_id: str, task_ids: list[str]) -> Iterator[VersionedRecord]:
        for task_id in task_ids:
            try:
                yield self._get(owner_id, task_id)
            except CorruptRecordError:
                continue


class CorruptIsNameless(InMemoryBackend):
    """breaks ERR-3: the listing's error does not say which row: nobody can mend it."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        try:
            return super()._list_by_owner(owner_id, limit=limit, after=after)
        except CorruptRecordError as error:
            raise CorruptRecordError(owner_id, "", error.message) from error


class CorruptCannotBeDeleted(Seamed):
    """breaks ERR-3: delete reads the row first and fails on it, so it stays for ever."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if self.row((owner_id, task_id)) is not None:
            self._get(owner_id, task_id)
        return super()._delete(owner_id, task_id)


class MissingIsEmpty(MissingTarget):
    """breaks ERR-4: a listing on a missing table is empty: the error counts as no rows."""

    class missing(Missing):  # noqa: N801
        def fault(self, operation: str) -> Any:
            return [] if operation == "list_by_owner" else super().fault(operation)


class MissingIsMade(MissingTarget):
    """breaks ERR-4: a missing storage is made on the fly, so a typing error in its name loses all
    tasks without a word.
    """

    def open_misconfigured(self) -> StorageBackend:
        return InMemoryBackend()


class MissingIsACode(MissingTarget):
    """breaks ERR-4: the message is the storage's code and names nothing."""

    class missing(Missing):  # noqa: N801
        def fault(self, operation: str) -> Any:
            try:
                return super().fault(operation)
            except BackendError as error:
                raise BackendError("error 1146") from error


class ConflictShowsTheRecord(InMemoryBackend):
    """breaks ERR-5: the conflict carries the record that was refused, for convenience."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            error.args = (*error.args, record.to_json())
            raise


class CorruptShowsTheRow(Seamed):
    """breaks ERR-5: the error of a row that cannot be read quotes it."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except CorruptRecordError as error:
            row = self.row((owner_id, task_id))
            raise CorruptRecordError(owner_id, task_id, f"in {row and row.data}") from error


class StatementIsShown(MissingTarget):
    """breaks ERR-5: the error of a failed statement shows its parameters, as database toolkits do
    by default.
    """

    class missing(Missing):  # noqa: N801
        def _create(self, record: TaskRecord) -> int:
            try:
                return super()._create(record)
            except BackendError as error:
                message = f"{error.message} [parameters: ({record.to_json()!r})]"
                raise BackendError(message) from error


class HandleShowsItsCache(InMemoryBackend):
    """breaks ERR-5: the repr of a handle shows its storage, as a dataclass does."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._storage.rows})"


class WritesAreLogged(InMemoryBackend):
    """breaks ERR-5: the debug log has every record that is written."""

    def _put(self, record: TaskRecord) -> int:
        _log.debug("put %s", record.to_json())
        return super()._put(record)


class RefusalsAreLogged(InMemoryBackend):
    """breaks ERR-5: a refused write is logged with an exception whose text is the whole request."""

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except Exception:
            try:
                raise ValueError(f"conditional request failed: {record.to_json()}") from None
            except ValueError:
                _log.warning("create was refused", exc_info=True)
            raise


class TypeErrorShowsTheValue(InMemoryBackend):
    """breaks ERR-5: the error of a wrong argument shows the argument."""

    def put(self, record: TaskRecord) -> int:
        if not isinstance(record, TaskRecord):
            raise TypeError(f"record must be a TaskRecord, not {record!r}")
        return super().put(record)
