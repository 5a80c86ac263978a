"""Mutants of VAL-8."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    InMemoryBackend,
    RecordTooLargeError,
    TaskRecord,
    VersionedRecord,
)


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
