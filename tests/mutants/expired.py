"""Mutants of EXP: who sees an expired record, extreme expiries, and creating anew."""

from __future__ import annotations

from datetime import datetime, timedelta

from mutants.base import Altering, Seamed, key_of, now
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    NotFoundError,
    StorageError,
    TaskRecord,
    VersionedRecord,
)

HOUR = timedelta(hours=1)


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
    """breaks EXP-8: only the count leaves out the expired, without having been told to."""

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


class FarExpiryOverflows(Altering):
    """breaks EXP-9: a margin added to an expiry in 9999 overflows."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        try:
            record.expires_at and record.expires_at + HOUR
        except OverflowError as error:
            raise BackendError("the expiry cannot be stored") from error
        return record


class EpochIsRefused(Altering):
    """breaks EXP-9: an expiry at 0 is refused: `if not seconds: raise`."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        if record.expires_at is not None and not record.expires_at.timestamp():
            raise BackendError("the expiry is missing")
        return record


class PastIsRefused(Altering):
    """breaks EXP-9: an expiry of last century is refused: invalid expire time, as in Redis."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        if record.expires_at is not None and record.expires_at.year < 1971:
            raise BackendError("invalid expire time")
        return record


class CreateOnExpiredGoesOn(Seamed):
    """breaks EXP-11: creating over an expired record works, but goes on from its version."""

    def _create(self, record: TaskRecord) -> int:
        return self._put(record) if self.expired(key_of(record)) else super()._create(record)


class CreateOnExpiredFails(Seamed):
    """breaks EXP-11: creating over an expired record fails for good: invisible, but in the way."""

    def _create(self, record: TaskRecord) -> int:
        try:
            return super()._create(record)
        except AlreadyExistsError as error:
            raised: StorageError = error
            if self.expired(key_of(record)):
                raised = BackendError("the row is expired, but could not be replaced")
            raise raised from None


class CreateOnExpiredIsListedTwice(Seamed):
    """breaks EXP-11: what replaces an expired record is listed twice: the index keeps both."""

    def _create(self, record: TaskRecord) -> int:
        if not self.expired(key_of(record)):
            return super()._create(record)
        self._delete(*key_of(record))
        version = super()._create(record)
        self._storage._task_ids[record.owner_id].append(record.task_id)
        return version
