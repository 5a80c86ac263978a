"""Mutants of VAL-8."""

from __future__ import annotations

import json
from typing import Any

from mutants.base import (
    Altering,
    Seamed,
)
from mutants.sqlite import SqliteRows
from pmcp_storage import (
    BackendError,
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


class MeasuresAscii(SqliteRows):
    """breaks VAL-8: the size of a record is that of its JSON with everything escaped that is not
    ASCII, three times as much.
    """

    def values(self, record: TaskRecord) -> dict[str, Any]:
        size = len(json.dumps(json.loads(record.to_json())))
        if size > 400_000:
            raise RecordTooLargeError(size, 400_000)
        return super().values(record)


class LargeMetaIsRefused(InMemoryBackend):
    """breaks VAL-8: _meta is a column of at most 64 KB."""

    def _create(self, record: TaskRecord) -> int:
        if len(json.dumps(record.task.meta)) > 65_535:
            raise BackendError("data too long for column 'meta'")
        return super()._create(record)


class LargeResultIsLost(Altering):
    """breaks VAL-8: a result over 256 KB is left out, as attachments of messages are."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        large = len(json.dumps(record.result)) > 256 * 1024
        return record.model_copy(update={"result": None}) if large else record
