"""Mutants of ISO-4."""

from __future__ import annotations

from contextlib import suppress

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.rules_iso.support import Caching
from pmcp_storage import (
    NotFoundError,
    StorageError,
    TaskRecord,
    VersionedRecord,
)


class WritesIntoTheRecord(Seamed):
    """breaks ISO-4: a write puts its bookkeeping into the caller's variables and leaves it there
    when the write is refused, as drivers that add an _id do.
    """

    def _create(self, record: TaskRecord) -> int:
        record.variables["_writing"] = True
        with suppress(KeyError):
            version = super()._create(clean(record))
            del record.variables["_writing"]
        return version


def clean(record: TaskRecord) -> TaskRecord:
    left = {key: value for key, value in record.variables.items() if key != "_writing"}
    return record.model_copy(update={"variables": left})


class SwapEmptiesTheRecord(Seamed):
    """breaks ISO-4: put_if_version pops the fields that it stores separately from the caller's
    own object.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        record.variables.pop("a", None)
        return version


class RefusedSwapUpdatesTheRecord(Seamed):
    """breaks ISO-4: a refused put_if_version fills the caller's record with the stored
    variables, as a convenience.
    """

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        try:
            return super()._put_if_version(record, expected_version)
        except StorageError:
            with suppress(NotFoundError):
                record.variables["stored"] = self.version(key_of(record))
            raise


class LaterWritesReachTheCaller(Caching):
    """breaks ISO-4: a cache keeps the record that was written and brings it up to date in place
    with the next write.
    """

    def _renew(self, record: TaskRecord, version: int) -> int:
        former = self._objects.get(key_of(record))
        if former is not None and former.record is not record:
            former.record.variables.clear()
            former.record.variables.update(record.variables)
        self.keep(record if former is None else former.record, version)
        return version

    def _create(self, record: TaskRecord) -> int:
        self._objects.pop(key_of(record), None)
        return self._renew(record, super()._create(record))

    def _put(self, record: TaskRecord) -> int:
        return self._renew(record, super()._put(record))


class GetReturnsALiveView(Caching):
    """breaks ISO-4: what get returned changes when the record is written again."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        self.keep(found.record, found.version)
        return found

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        version = super()._put_if_version(record, expected_version)
        former = self._objects.pop(key_of(record), None)
        if former is not None:
            former.record.variables.clear()
            former.record.variables.update(record.variables)
        return version
