"""A handle of a driver as a backend: each operation is one request, and each error its exception.

The arguments are checked by `StorageBackend`, as for any backend. The driver's answers are taken as
they are: a record that is none is the driver's fault, and not a row that it has found corrupt.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from pmcp_conformance.driver.messages import (
    Counted,
    Deleted,
    Entry,
    Error,
    Listed,
    Message,
    Nothing,
    Removed,
    Written,
)
from pmcp_conformance.driver.process import DriverError, DriverProcess, Refused
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageBackend,
    StorageError,
    StorageFullError,
    TaskRecord,
    VersionedRecord,
)

Answer = TypeVar("Answer", bound=Message)


class DriverBackend(StorageBackend):
    """A handle that a driver has opened under this name.

    `methods` are the optional operations that the driver has; the others are made of what it has.
    """

    def __init__(self, process: DriverProcess, handle: str, methods: Collection[str]) -> None:
        self._process = process
        self._handle = handle
        self._methods = methods

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        entry = self._call("get", Entry, owner_id=owner_id, task_id=task_id)
        return _found(entry, owner_id, task_id)

    def _create(self, record: TaskRecord) -> int:
        return self._write("create", record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return self._write("put_if_version", record, expected_version=f"{expected_version}")

    def _put(self, record: TaskRecord) -> int:
        return self._write("put", record) if "put" in self._methods else super()._put(record)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        return self._call("delete", Deleted, owner_id=owner_id, task_id=task_id).deleted

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        page = {"owner_id": owner_id, "limit": f"{limit}", "after": after}
        listed = self._call("list_by_owner", Listed, **page)
        return [_found(entry, owner_id) for entry in listed.records]

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        if "count_by_owner" not in self._methods:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        instant = live_at and live_at.astimezone(UTC).isoformat(timespec="microseconds")
        asked = {
            "owner_id": owner_id,
            "live_at": instant and instant.replace("+00:00", "Z"),
            "at_most": None if at_most is None else f"{at_most}",
        }
        return int(self._call("count_by_owner", Counted, **asked).count)

    def _cleanup_expired(self) -> int:
        return int(self._call("cleanup_expired", Removed).removed)

    def _close(self) -> None:
        self._call("close", Nothing)

    def _write(self, method: str, record: TaskRecord, **params: str) -> int:
        with_key = {"owner_id": record.owner_id, "task_id": record.task_id, **params}
        answer = call(
            self._process,
            method,
            Written,
            {"handle": self._handle, "record": record.to_json(), **params},
            request=with_key,
        )
        return int(answer.version)

    def _call(self, method: str, answer: type[Answer], **params: Any) -> Answer:
        return call(self._process, method, answer, {"handle": self._handle, **params})


def call(
    process: DriverProcess,
    method: str,
    answer: type[Answer],
    params: Mapping[str, Any],
    request: Mapping[str, Any] | None = None,
) -> Answer:
    """Call a method of a driver; `request` are the parameters that an error speaks of.

    Raises the StorageError that the driver has answered, and what `DriverProcess.call` raises.
    """
    try:
        return process.call(method, answer, params)
    except Refused as refused:
        raise _raised(refused.error, method, request or params) from refused


def _raised(error: Error, method: str, request: Mapping[str, Any]) -> StorageError:
    """The exception of an error that a driver has answered."""
    data = error.data
    owner_id = data.owner_id or request.get("owner_id") or ""
    task_id = data.task_id or request.get("task_id") or ""
    if data.kind == "ConcurrentModificationError":
        if data.actual_version is None or "expected_version" not in request:
            raise DriverError(f"the driver answered {method} by {data.kind} without actual_version")
        versions = int(request["expected_version"]), int(data.actual_version)
        return ConcurrentModificationError(owner_id, task_id, *versions)
    kinds: dict[str, Callable[[], StorageError]] = {
        "NotFoundError": lambda: NotFoundError(owner_id, task_id),
        "AlreadyExistsError": lambda: AlreadyExistsError(owner_id, task_id),
        "RecordTooLargeError": lambda: RecordTooLargeError(data.size, data.limit),
        "StorageFullError": lambda: StorageFullError(error.message),
        "CorruptRecordError": lambda: CorruptRecordError(owner_id, task_id, error.message),
        "OutcomeUnknownError": lambda: OutcomeUnknownError(error.message),
        "BackendError": lambda: BackendError(error.message),
    }
    return kinds[data.kind]()


def _found(entry: Entry, owner_id: str, task_id: str | None = None) -> VersionedRecord:
    """What a driver gives as a record of this owner, under that key if it was asked for one."""
    try:
        record = TaskRecord.from_json(entry.record)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_input=False)
        problem = f"{'.'.join(map(str, first['loc'])) or 'its JSON'}: {first['msg']}"
        raise DriverError(f"the driver answered with a record that is none: {problem}") from None
    if record.owner_id != owner_id or task_id not in (None, record.task_id):
        raise DriverError("the driver answered with the record of another key than asked for")
    return VersionedRecord(record, int(entry.version))
