"""Mutants of LIST-3."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    InMemoryBackend,
    VersionedRecord,
)


class ListedVersionsAreStale(Seamed):
    """breaks LIST-3: a listing shows every record at version 1, as an index does that copied the
    version when the row was inserted.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [VersionedRecord(entry.record, min(entry.version, 1)) for entry in found]


class ListedWithoutResults(InMemoryBackend):
    """breaks LIST-3: listed records lack their variables, as an index with a projection does."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [
            VersionedRecord(entry.record.model_copy(update={"variables": {}}), entry.version)
            for entry in found
        ]
