"""Mutants of ERR-9."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from pmcp_storage import (
    InMemoryBackend,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import _check_record


class IdsAreMadeText(InMemoryBackend):
    """breaks ERR-9: get converts any id to text: str(None) is the task "None"."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return super().get(str(owner_id), str(task_id))


class BytesAreDecoded(InMemoryBackend):
    """breaks ERR-9: delete accepts bytes as text, for drivers that return bytes."""

    def delete(self, owner_id: str, task_id: str) -> bool:
        return super().delete(owner_id, task_id.decode() if isinstance(task_id, bytes) else task_id)


class LongIdsAreAccepted(InMemoryBackend):
    """breaks ERR-9: get of an id that is too long for any record looks for it: NotFoundError."""

    def get(self, owner_id: str, task_id: str) -> VersionedRecord:
        self._check_open()
        long = isinstance(task_id, str) and "\ud800" not in task_id and len(task_id.encode()) > 256
        return self._get(owner_id, task_id) if long else super().get(owner_id, task_id)


class EmptyOwnerListsNothing(InMemoryBackend):
    """breaks ERR-9: the listing of the empty owner is empty, which hides a caller's mistake."""

    def list_by_owner(
        self, owner_id: str, *, limit: int = 100, after: str | None = None
    ) -> list[VersionedRecord]:
        return super().list_by_owner(owner_id, limit=limit, after=after) if owner_id != "" else []


class IteratorChecksLate(InMemoryBackend):
    """breaks ERR-9: iter_by_owner, a generator, checks its argument only when the first record
    is asked for.
    """

    def iter_by_owner(self, owner_id: str) -> Any:
        yield from super().iter_by_owner(owner_id)


class AnythingWithATask(InMemoryBackend):
    """breaks ERR-9: put takes a Task for a record, and finds out while it writes."""

    def put(self, record: TaskRecord) -> int:
        self._check_open()
        if not hasattr(record, "task_id"):
            _check_record(record)
        return self._put(record)


class VersionsAreConverted(InMemoryBackend):
    """breaks ERR-9: the expected version goes through int(): "1", 1.0 and True pass."""

    def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if expected_version is not None and isinstance(record, TaskRecord):
            expected_version = int(expected_version)
        return super().put_if_version(record, expected_version)


class TrueIsALimit(InMemoryBackend):
    """breaks ERR-9: a limit of True passes for 1, since a bool is an int."""

    def list_by_owner(
        self, owner_id: str, *, limit: int = 100, after: str | None = None
    ) -> list[VersionedRecord]:
        return super().list_by_owner(owner_id, limit=1 if limit is True else limit, after=after)


class NoLimitIsTheDefault(InMemoryBackend):
    """breaks ERR-9: a limit of None passes for the default one."""

    def list_by_owner(
        self, owner_id: str, *, limit: int = 100, after: str | None = None
    ) -> list[VersionedRecord]:
        return super().list_by_owner(
            owner_id, limit=100 if cast("Any", limit) is None else limit, after=after
        )


class LiveAtIsParsed(InMemoryBackend):
    """breaks ERR-9: live_at may be any text, which is ignored where it is no instant."""

    def count_by_owner(
        self, owner_id: str, *, live_at: datetime | None = None, at_most: int | None = None
    ) -> int:
        if isinstance(live_at, str):
            live_at = None
        return super().count_by_owner(owner_id, live_at=live_at, at_most=at_most)


class AtMostIsConverted(InMemoryBackend):
    """breaks ERR-9: at_most may be text, as it comes from a query string."""

    def count_by_owner(
        self, owner_id: str, *, live_at: datetime | None = None, at_most: int | None = None
    ) -> int:
        if isinstance(at_most, str):
            at_most = int(at_most)
        return super().count_by_owner(owner_id, live_at=live_at, at_most=at_most)


class WritesBeforeItComplains(InMemoryBackend):
    """breaks ERR-9: put_if_version with a version of the wrong type writes, then complains."""

    def put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if isinstance(cast("Any", expected_version), str) and isinstance(record, TaskRecord):
            self._put(record)
        return super().put_if_version(record, expected_version)


class NaiveLiveAtIsUtc(InMemoryBackend):
    """breaks ERR-9: a live_at without a time zone is taken for one in UTC, whatever was meant."""

    def count_by_owner(
        self, owner_id: str, *, live_at: datetime | None = None, at_most: int | None = None
    ) -> int:
        if isinstance(live_at, datetime) and live_at.tzinfo is None:
            live_at = live_at.replace(tzinfo=UTC)
        return super().count_by_owner(owner_id, live_at=live_at, at_most=at_most)
