"""Mutants of LIST-7."""

from __future__ import annotations

from mutants.rules_list.support import Paged
from pmcp_storage import (
    VersionedRecord,
)


class AfterAbsentStartsOver(Paged):
    """breaks LIST-7: `after` an id that is gone starts over, as where the cursor's entry is
    looked up.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is not None and not self.version((owner_id, after)):
            after = None
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class AfterAbsentEnds(Paged):
    """breaks LIST-7: `after` an id that is gone ends the listing: its place is found by
    equality.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is not None and not self.version((owner_id, after)):
            return []
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class AfterSkipsSiblings(Paged):
    """breaks LIST-7: entries that begin with `after` count as seen, since its place is searched by
    prefix, with U+FFFF put behind it.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        if after is not None and not self.version((owner_id, after)):
            found = self.everything(owner_id)
            return [e for e in found if e.record.task_id < after[:1]][:limit]
        return super()._list_by_owner(owner_id, limit=limit, after=after)
