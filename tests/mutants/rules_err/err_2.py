"""Mutants of ERR-2."""

from __future__ import annotations

import json

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    CorruptRecordError,
    InMemoryBackend,
    NotFoundError,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backend import read_row


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


class TrailingGarbageIsIgnored(Seamed):
    """breaks ERR-2: what follows a complete record in a row is ignored, which is the rest of a
    longer one.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        row = self.row((owner_id, task_id))
        if row is None:
            raise NotFoundError(owner_id, task_id)
        try:
            _, end = json.JSONDecoder().raw_decode(row.data)
        except ValueError:
            end = len(row.data)
        return read_row(owner_id, task_id, row.data[:end], row.version)
