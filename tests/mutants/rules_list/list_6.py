"""Mutants of LIST-6."""

from __future__ import annotations

from urllib.parse import unquote

from mutants.rules_list.support import Paged
from mutants.sqlite import SqliteRows
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


class AfterIgnoresCase(SqliteRows):
    """breaks LIST-6: `after` is compared without regard to case, although the order minds it."""

    page = """SELECT task_id, data, version FROM tasks
        WHERE {owner} AND (:after IS NULL OR task_id < :after COLLATE NOCASE)
        ORDER BY task_id DESC LIMIT :limit"""


class ReadsAfter(Paged):
    """Reads `after` as `read` says."""

    def read(self, after: str) -> str:
        return after

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        after = after and self.read(after)
        return super()._list_by_owner(owner_id, limit=limit, after=after)


class AfterIsStripped(ReadsAfter):
    """breaks LIST-6: white space around `after` is stripped, as from a query string."""

    def read(self, after: str) -> str:
        return after.strip() or after


class AfterIsDecoded(ReadsAfter):
    """breaks LIST-6: `after` is percent-decoded, as a cursor in a URL is."""

    def read(self, after: str) -> str:
        return unquote(after)


class AfterBeginsWithABracket(ReadsAfter):
    """breaks LIST-6: an `after` that begins with ( or [ loses it, as bounds of a range do."""

    def read(self, after: str) -> str:
        return after.lstrip("([") or after


class AfterIsANumber(Paged):
    """breaks LIST-6: ids of digits in `after` are compared as numbers."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        def below(task_id: str) -> bool:
            if after is None:
                return True
            try:
                return float(task_id) < float(after)
            except ValueError:
                return task_id < after

        return [e for e in self.everything(owner_id) if below(e.record.task_id)][:limit]


class AfterInUtf16(Paged):
    """breaks LIST-6: `after` is compared by UTF-16 units, the order is by code point."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = self.everything(owner_id)
        return [e for e in found if after is None or in_utf16(e.record.task_id) < in_utf16(after)][
            :limit
        ]


def in_utf16(text: str) -> bytes:
    return text.encode("utf-16-be")


class AfterEndsAtALineBreak(ReadsAfter):
    """breaks LIST-6: `after` is cut at a line break, as a header is."""

    def read(self, after: str) -> str:
        return after.splitlines()[0] or after


class LongAfterIsCut(ReadsAfter):
    """breaks LIST-6: an `after` of more than 128 bytes is cut."""

    def read(self, after: str) -> str:
        return after.encode()[:128].decode(errors="ignore")
