"""Mutants of LIST-6."""

from __future__ import annotations

from mutants.rules_list.support import Paged
from pmcp_storage import (
    VersionedRecord,
)


class AfterIsIncluded(Paged):
    """breaks LIST-6: the next page begins with the last entry of the page before: <= in place
    of <.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = self.everything(owner_id)
        return [e for e in found if after is None or e.record.task_id <= after][:limit]


class PagesSkipOne(Paged):
    """breaks LIST-6: each further page leaves out an entry: the one that had been fetched to see
    whether there are more.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = self.everything(owner_id)
        left = [e for e in found if after is None or e.record.task_id < after]
        exists = any(e.record.task_id == after for e in found)
        return left[1 if exists and len(left) > 1 else 0 :][:limit]


class FullLastPageStartsOver(Paged):
    """breaks LIST-6: after the very last entry the listing starts over, as with an empty cursor
    that means both the start and the end.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = self.everything(owner_id)
        if found and after == found[-1].record.task_id:
            return found[:limit]
        return super()._list_by_owner(owner_id, limit=limit, after=after)
