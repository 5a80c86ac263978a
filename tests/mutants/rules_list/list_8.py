"""Mutants of LIST-8."""

from __future__ import annotations

from mutants.postgres import PgBackend
from mutants.rules_list.support import Paged
from mutants.sqlite import SqliteRows
from pmcp_storage import VersionedRecord


class PagesOfAMegabyte(Paged):
    """breaks LIST-8: a page ends at a megabyte although its limit is not reached, as the page of a
    DynamoDB query does, and callers take it for the last.
    """

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        page: list[VersionedRecord] = []
        size = 0
        for entry in super()._list_by_owner(owner_id, limit=limit, after=after):
            size += len(entry.record.to_json())
            if page and size > 1_000_000:
                break
            page.append(entry)
        return page


class LimitsAreCapped(PgBackend):
    """breaks LIST-8: a page has at most a hundred records, whatever limit was asked for."""

    page = PgBackend.page.replace("%(limit)s", "least(%(limit)s, 100)")
    first_page = PgBackend.first_page.replace("%(limit)s", "least(%(limit)s, 100)")


class ListsAThousandAtMost(SqliteRows):
    """breaks LIST-8: a listing is cut at a constant, whatever the limit, to protect the server."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        return super()._list_by_owner(owner_id, limit=min(limit, 1000), after=after)
