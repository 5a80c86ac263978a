"""Mutants of ERR-10."""

from __future__ import annotations

from pydantic import ValidationError

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    CorruptRecordError,
    InMemoryBackend,
    TaskRecord,
    VersionedRecord,
)


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
