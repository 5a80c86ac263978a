"""Mutants of EXP-8."""

from __future__ import annotations

from datetime import datetime

from mutants.base import (
    Seamed,
    key_of,
    now,
)
from mutants.postgres import PgBackend
from pmcp_storage import (
    NotFoundError,
    RedisBackend,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


class GetHidesTheExpired(Seamed):
    """breaks EXP-8: get filters the expired, the listing does not: one of two queries has the
    condition.
    """

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if self.expired((owner_id, task_id)):
            raise NotFoundError(owner_id, task_id)
        return super()._get(owner_id, task_id)


class ListingHidesTheExpired(Seamed):
    """breaks EXP-8: the listing filters the expired, get does not."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [entry for entry in found if not entry.record.is_expired(now())]


class CountHidesTheExpired(Seamed):
    """breaks EXP-8: only the count leaves out the expired, without being asked to."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        return super()._count_by_owner(owner_id, live_at=live_at or now(), at_most=at_most)


class DeleteMissesTheExpired(Seamed):
    """breaks EXP-8: delete says that an expired record is absent, and the listing shows it."""

    def _delete(self, owner_id: str, task_id: str) -> bool:
        if self.expired((owner_id, task_id)):
            return False
        return super()._delete(owner_id, task_id)


class SwapMissesTheExpired(Seamed):
    """breaks EXP-8: put_if_version says that an expired record is absent, and get shows it."""

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        if self.expired(key_of(record)):
            raise NotFoundError(*key_of(record))
        return super()._put_if_version(record, expected_version)


class OnlyGetsHideTheExpired(PgBackend):
    """breaks EXP-8: get has a condition on the expiry, and listings and counts have none."""

    select = "SELECT {shown} FROM {table} WHERE {key} AND ({has_expired}) IS NOT TRUE"


class CountsDeadEntries(RedisBackend):
    """breaks EXP-8: a count is the size of the index, which still has what Redis has removed."""

    def _count_by_owner(
        self, owner_id: str, *, live_at: datetime | None, at_most: int | None
    ) -> int:
        if live_at is not None:
            return super()._count_by_owner(owner_id, live_at=live_at, at_most=at_most)
        ids, _ = self.index_keys(owner_id)
        return min(self._client.zcard(ids), at_most or 2**31)


class HidesWithinAWindow(Seamed):
    """breaks EXP-8: a page is read with fifty rows to spare, and what has expired among them is
    left out: behind more of the expired in a row a listing ends early.
    """

    def drop(self, key: Key) -> None:
        if self.expired(key):
            super()._delete(*key)

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        if self.expired((owner_id, task_id)):
            raise NotFoundError(owner_id, task_id)
        return super()._get(owner_id, task_id)

    def _create(self, record: TaskRecord) -> int:
        self.drop(key_of(record))
        return super()._create(record)

    def _put(self, record: TaskRecord) -> int:
        self.drop(key_of(record))
        return super()._put(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self.drop(key_of(record))
        return super()._put_if_version(record, expected_version)

    def _delete(self, owner_id: str, task_id: str) -> bool:
        hidden = self.expired((owner_id, task_id))
        return super()._delete(owner_id, task_id) and not hidden

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit + 50, after=after)
        return [e for e in found if not e.record.is_expired(now())][:limit]
