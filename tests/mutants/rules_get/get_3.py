"""Mutants of GET-3."""

from __future__ import annotations

from mutants.base import (
    Seamed,
)
from pmcp_storage import (
    InMemoryBackend,
    NotFoundError,
    VersionedRecord,
)


class SlidingExpiry(Seamed):
    """breaks GET-3: reading postpones the stored expiry, as session stores and caches do."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        if found.record.expires_at is not None:
            later = found.record.expires_at.replace(year=found.record.expires_at.year + 1)
            self.overwrite((owner_id, task_id), expires_at=later)
        return found


class ReadsCountAsWrites(Seamed):
    """breaks GET-3: every read advances the version, as happens where a last-read time is kept
    in the row and a trigger counts all updates.
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
