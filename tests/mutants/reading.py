"""Mutants of GET: reading a key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from mutants.base import Seamed
from pmcp_storage import (
    BackendError,
    ConcurrentModificationError,
    InMemoryBackend,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)


class NotFoundWithSwappedIds(InMemoryBackend):
    """breaks GET-1: the error has owner and task in each other's place, as after a call with two
    strings of the same type in the wrong order.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            raise NotFoundError(task_id, owner_id) from None


class UnknownOwnerIsAFault(Seamed):
    """breaks GET-1: a key of an owner that nobody wrote to is a BackendError, as in storages with
    a bucket, a table or a folder for each owner.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        with self._storage.lock:
            owners = {owner for owner, _ in self._storage.rows}
        if owner_id not in owners:
            raise BackendError("there is no such bucket")
        return super()._get(owner_id, task_id)


class ReadsBehind(Seamed):
    """breaks GET-2: the first get after a put returns the record before it, as eventually
    consistent reads and lagging replicas do.
    """

    _before: VersionedRecord | None = None

    def _put(self, record: TaskRecord) -> int:
        if self.version((record.owner_id, record.task_id)):
            self._before = super()._get(record.owner_id, record.task_id)
        return super()._put(record)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        before, self._before = self._before, None
        if before and (before.record.owner_id, before.record.task_id) == (owner_id, task_id):
            return before
        return super()._get(owner_id, task_id)


class ReadsAPair(InMemoryBackend):
    """breaks GET-2: get returns a plain tuple, as a driver's row, which quacks almost alike."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        return cast("VersionedRecord", (found.record, found.version))


class SlidingExpiry(Seamed):
    """breaks GET-3: reading puts off the stored expiry, as session stores and caches do."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        if found.record.expires_at is not None:
            later = found.record.expires_at.replace(year=found.record.expires_at.year + 1)
            self.overwrite((owner_id, task_id), expires_at=later)
        return found


class ReadsCountAsWrites(Seamed):
    """breaks GET-3: every read advances the version, as where a last-read time is kept in the
    row and a trigger counts all updates.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        self.overwrite((owner_id, task_id), version=found.version + 1)
        return found


class MissesAreListed(InMemoryBackend):
    """breaks GET-3: a get that finds nothing leaves an entry in the index, as a defaultdict or a
    negative cache in the same table does.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        try:
            return super()._get(owner_id, task_id)
        except NotFoundError:
            self._missed = (owner_id, task_id)
            raise

    _missed = ("", "")

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        missed_owner, missed_task = self._missed
        if missed_owner == owner_id and missed_task == "absent" and found:
            found.append(found[-1])
        return found


def retyped(found: VersionedRecord, kind: Any) -> VersionedRecord:
    return VersionedRecord(found.record, kind(found.version))


class DecimalVersions(InMemoryBackend):
    """breaks GET-4: versions are Decimals in a listing, as DynamoDB's resource interface gives
    them; json.dumps fails on them far away.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [retyped(entry, Decimal) for entry in found]


class FloatVersions(InMemoryBackend):
    """breaks GET-4: get reports the version as a float, as Lua and JavaScript hold numbers."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        return retyped(super()._get(owner_id, task_id), float)


class BoolFromCreate(InMemoryBackend):
    """breaks GET-4: create returns True, the driver's word that a row was inserted."""

    def _create(self, record: TaskRecord) -> int:
        return bool(super()._create(record))


class DecimalInAConflict(InMemoryBackend):
    """breaks GET-4: a conflict reports the stored version as a Decimal, read from the item that
    the refusal brings with it.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except ConcurrentModificationError as error:
            error.actual_version = cast("int", Decimal(error.actual_version))
            raise


class NumpyLikeVersions(InMemoryBackend):
    """breaks GET-4: put_if_version returns a subclass of int, as column types of data libraries
    do, which pickles and prints differently.
    """

    class Int64(int):
        pass

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        return self.Int64(super()._put_if_version(record, expected_version))
