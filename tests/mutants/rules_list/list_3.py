"""Mutants of LIST-3."""

from __future__ import annotations

from mutants.base import (
    Seamed,
    key_of,
)
from mutants.rules_list.support import Paged
from pmcp_storage import (
    InMemoryBackend,
    MemoryStorage,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


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


class PagesOfACursor(Paged):
    """breaks LIST-3: the pages of a listing come from what was found when its first page was read,
    as those of a server-side cursor or a client that fetches ahead.
    """

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._found: dict[tuple[str, str], list[VersionedRecord]] = {}

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is not None and (owner_id, after) not in self._found:
            return super()._list_by_owner(owner_id, limit=limit, after=after)
        found = self.everything(owner_id) if after is None else self._found.pop((owner_id, after))
        page, rest = found[:limit], found[limit:]
        if rest:
            self._found[owner_id, page[-1].record.task_id] = rest
        return page


class SwapLeavesTheListedVersion(Seamed):
    """breaks LIST-3: the version in the index of a listing is that of the last put."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self._listed: dict[Key, int] = vars(self._storage).setdefault("listed", {})

    def _put(self, record: TaskRecord) -> int:
        version = super()._put(record)
        self._listed[key_of(record)] = version
        return version

    def _create(self, record: TaskRecord) -> int:
        version = super()._create(record)
        self._listed[key_of(record)] = version
        return version

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [
            VersionedRecord(e.record, self._listed.get(key_of(e.record), e.version)) for e in found
        ]
