"""Mutants of EXP-1."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from mutants.base import (
    now,
)
from mutants.postgres import PgBackend
from mutants.rules_exp.support import StoredExpiry
from pmcp_storage import (
    DynamoDbBackend,
    InMemoryBackend,
    NotFoundError,
    RedisBackend,
    TaskRecord,
    VersionedRecord,
)
from pmcp_storage.aio.async_adapter import run_at_once
from pmcp_storage.backends.memory import Key


def floored(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def nearest(instant: datetime) -> datetime:
    return floored(instant + timedelta(milliseconds=500))


class ExpiryFlooredAtRest(StoredExpiry):
    """breaks EXP-1: the stored expiry is cut to seconds, as int(timestamp()) for a TTL attribute
    does, and cleanup removes the record up to a second too early.
    """

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at and floored(expires_at)


class ExpiryRoundedAtRest(StoredExpiry):
    """breaks EXP-1: the stored expiry is rounded to the nearest second, so in the first half of
    each second it is too early.
    """

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at and nearest(expires_at)


class ListingHidesEarly(InMemoryBackend):
    """breaks EXP-1: the listing compares whole seconds and hides a record that get still finds."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        seconds = floored(now())
        expiries = [entry.record.expires_at for entry in found]
        soon = [e is not None and seconds <= floored(e) == seconds for e in expiries]
        return [entry for entry, hidden in zip(found, soon, strict=True) if not hidden]


class GetHidesEarly(InMemoryBackend):
    """breaks EXP-1: get treats a record as gone in the second in which it will expire."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        found = super()._get(owner_id, task_id)
        expires_at = found.record.expires_at
        if expires_at is not None and now() < expires_at and floored(expires_at) <= now():
            raise NotFoundError(owner_id, task_id)
        return found


class ExpiryIsRounded(PgBackend):
    """breaks EXP-1: the column is timestamptz(0), which rounds to the nearest second."""

    layout = PgBackend.layout.replace("timestamptz", "timestamptz(0)")


class CreatesOverWhatSoonExpires(DynamoDbBackend):
    """breaks EXP-1: a create takes what expires within some seconds for gone, because it compares
    the expiry with a clock that is ahead, to be on the safe side.
    """

    def _create(self, record: TaskRecord) -> int:
        written = self._operations.write(
            record,
            0,
            ConditionExpression="attribute_not_exists(PK) OR expires_at < :soon",
            ExpressionAttributeValues={":soon": {"N": str(int(time.time()) + 5)}},
        )
        return run_at_once(written)


class IndexExpiresWithTheLastWrite(RedisBackend):
    """breaks EXP-1: each write gives the owner's index the expiry of its record, and the others are
    no longer listed when that has passed.
    """

    def _write(self, record: TaskRecord, expected_version: int) -> Any:
        written = super()._write(record, expected_version)
        if record.expires_at is not None:
            for key in self.index_keys(record.owner_id):
                self._client.expireat(key, record.expires_at)
        return written
