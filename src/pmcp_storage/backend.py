"""The interface of a storage backend: what callers use, and what an author writes.

The public operations check their arguments and that the handle is open, once for all backends,
and then call the underscored ones, which are the author's. A backend stores, versions, finds and
expires records; every rule of the domain (states, limits, rights of owners) is the store's.

A key is the pair of owner_id and task_id. A version starts at 1 and grows by exactly 1 with each
write; after a delete it starts at 1 again, so a version held from before a delete can meet a
re-created record of that number. Mint a task_id once only, and this cannot happen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from pmcp_storage.errors import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    readable,
)
from pmcp_storage.records import TaskRecord, check_owner_id, check_task_id

PAGE = 100
"""The records in a page of a listing, unless the caller asks for another number."""

PUT_ATTEMPTS = 1000
"""How often `put` reads a version and finds it changed when it writes, before it gives up."""


@dataclass(frozen=True, slots=True)
class VersionedRecord:
    """A record together with the version at which it is stored."""

    record: TaskRecord
    version: int


class StorageBackend(ABC):
    """A handle on a storage of task records. Safe for many threads; close it when done.

    Every operation raises TypeError for an argument of the wrong type, ValueError for an id that
    no record can have, BackendError on a closed handle or when the storage fails, and
    OutcomeUnknownError when a write may or may not have been applied.
    """

    _closed = False

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        """Return the stored record and its version.

        Raises NotFoundError if there is none, CorruptRecordError if the row cannot be read.
        """
        self._check_open()
        _check_key(owner_id, task_id)
        return self._get(owner_id, task_id)

    def create(self, record: TaskRecord) -> int:
        """Store a record whose key is absent, and return its version, 1.

        Raises AlreadyExistsError if the key is present, RecordTooLargeError, StorageFullError.
        """
        self._check_open()
        _check_record(record)
        return self._create(record)

    def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        """Replace the stored record if its version is `expected_version`; return that plus 1.

        Raises ConcurrentModificationError if the stored version is another, NotFoundError if the
        key is absent, ValueError for an expected version below 1, RecordTooLargeError,
        StorageFullError.
        """
        self._check_open()
        _check_record(record)
        _check_at_least_one("expected_version", expected_version)
        return self._put_if_version(record, expected_version)

    def put(self, record: TaskRecord) -> int:
        """Create or overwrite the record, whatever is stored; return the new version.

        Raises RecordTooLargeError, StorageFullError.
        """
        self._check_open()
        _check_record(record)
        return self._put(record)

    def delete(self, owner_id: str, task_id: str) -> bool:
        """Remove the record; return whether there was one."""
        self._check_open()
        _check_key(owner_id, task_id)
        return self._delete(owner_id, task_id)

    def list_by_owner(
        self, owner_id: str, *, limit: int = PAGE, after: str | None = None
    ) -> list[VersionedRecord]:
        """Return up to `limit` records of the owner, in descending task_id order by code point.

        `after` is the last task_id of the page before; it need not exist any more. Only the last
        page is shorter than `limit`. Raises ValueError for a limit below 1, CorruptRecordError
        for a row that cannot be read.
        """
        self._check_open()
        check_owner_id(owner_id)
        _check_at_least_one("limit", limit)
        if after is not None:
            check_task_id(after)
        return self._list_by_owner(owner_id, limit=limit, after=after)

    def iter_by_owner(self, owner_id: str) -> Iterator[VersionedRecord]:
        """Yield all records of the owner in the order of `list_by_owner`, page by page.

        Raises what `list_by_owner` raises, for the arguments at once.
        """
        self._check_open()
        check_owner_id(owner_id)
        return self._pages(owner_id)

    def count_by_owner(
        self, owner_id: str, *, live_at: datetime | None = None, at_most: int | None = None
    ) -> int:
        """Return how many records the owner has.

        With `live_at` (an aware datetime) those that have expired by then are left out; with
        `at_most` counting stops there. Raises ValueError for a naive `live_at` and for an
        `at_most` below 1.
        """
        self._check_open()
        check_owner_id(owner_id)
        _check_instant("live_at", live_at)
        if at_most is not None:
            _check_at_least_one("at_most", at_most)
        return self._count_by_owner(owner_id, live_at=live_at, at_most=at_most)

    def cleanup_expired(self) -> int:
        """Remove the records that have expired; return how many this call removed.

        A storage that expires records by itself does nothing here and returns 0.
        """
        self._check_open()
        return self._cleanup_expired()

    def close(self) -> None:
        """End this handle, and free what it opened itself. The second time does nothing.

        Where it raises, as where it is interrupted, it may be called again.
        """
        if not self._closed:
            try:
                self._closed = True
                self._close()
            except BaseException:
                self._closed = False
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise BackendError(f"this {type(self).__name__} is closed: open another handle")

    def _pages(self, owner_id: str) -> Iterator[VersionedRecord]:
        after = None
        while True:
            page = self.list_by_owner(owner_id, limit=PAGE, after=after)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].record.task_id

    @abstractmethod
    def _get(self, owner_id: str, task_id: str) -> VersionedRecord: ...

    @abstractmethod
    def _create(self, record: TaskRecord) -> int: ...

    @abstractmethod
    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int: ...

    @abstractmethod
    def _delete(self, owner_id: str, task_id: str) -> bool: ...

    @abstractmethod
    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]: ...

    @abstractmethod
    def _cleanup_expired(self) -> int: ...

    def _put(self, record: TaskRecord) -> int:
        """Read the version, then compare and swap, until one holds.

        Not one unconditional write, because a transport that retries by itself can apply such a
        write twice, with an acknowledged write of somebody else in between. Override it only
        where one atomic step cannot be repeated by the client.
        """
        for _ in range(PUT_ATTEMPTS):
            try:
                return self._put_once(record)
            except (AlreadyExistsError, ConcurrentModificationError, NotFoundError):
                continue
        raise put_gave_up(record)

    def _put_once(self, record: TaskRecord) -> int:
        try:
            version = self._get(record.owner_id, record.task_id).version
        except NotFoundError:
            return self._create(record)
        return self._put_if_version(record, version)

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        count = 0
        for found in self._pages(owner_id):
            if live_at is None or not found.record.is_expired(live_at):
                count += 1
            if count == at_most:
                break
        return count

    def _close(self) -> None:  # noqa: B027 - many handles hold nothing to free
        """Free what the handle opened itself; called again only where it has raised."""


def put_gave_up(record: TaskRecord) -> BackendError:
    """The error of a `put` whose every attempt met another's write."""
    return BackendError(
        f"put of task {record.task_id!r} gave up: in each of {PUT_ATTEMPTS} attempts the "
        "stored version changed between reading and writing it"
    )


def read_row(owner_id: str, task_id: str, data: str, version: int) -> VersionedRecord:
    """Decode a stored row: how every backend turns its JSON into a record.

    Raises CorruptRecordError if `data` is not a record, or the record of another key; the message
    names the fields that are wrong and shows no value.
    """
    try:
        record = TaskRecord.from_json(data)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'data'}: {e['msg']}" for e in error.errors()]
        raise CorruptRecordError(owner_id, task_id, "; ".join(problems)) from error
    if (record.owner_id, record.task_id) != (owner_id, task_id):
        raise CorruptRecordError(owner_id, task_id, "its JSON names another owner or task")
    return VersionedRecord(record, version)


def _check_key(owner_id: str, task_id: str) -> None:
    check_owner_id(owner_id)
    check_task_id(task_id)


def _check_record(record: TaskRecord) -> None:
    if not isinstance(record, TaskRecord):
        raise TypeError(f"record must be a TaskRecord, not {type(record).__name__}")


def _check_at_least_one(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {readable(value)}")


def _check_instant(name: str, value: datetime | None) -> None:
    if value is None:
        return
    if not isinstance(value, datetime):
        raise TypeError(f"{name} must be a datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise ValueError(f"{name} must be an aware datetime: give it a tzinfo, such as UTC")
