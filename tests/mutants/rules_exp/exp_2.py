"""Mutants of EXP-2."""

from __future__ import annotations

from datetime import UTC, datetime

from mutants.postgres import PgBackend
from mutants.rules_exp.support import StoredExpiry
from pmcp_storage import (
    InMemoryBackend,
    VersionedRecord,
)
from pmcp_storage.backends.memory import Key


class NoExpiryIsTheEpoch(StoredExpiry):
    """breaks EXP-2: no expiry is stored as 0, which cleanup takes for 1970."""

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at or datetime(1970, 1, 1, tzinfo=UTC)


class NoExpiryIsHidden(InMemoryBackend):
    """breaks EXP-2: WHERE expires_at > now leaves out what has no expiry: NULL > x is NULL."""

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        found = super()._list_by_owner(owner_id, limit=limit, after=after)
        return [entry for entry in found if entry.record.expires_at is not None]


class NullHasExpired(PgBackend):
    """breaks EXP-2: cleanup removes what is not known to be alive, and an expiry of NULL compares
    with nothing.
    """

    has_expired = "(expires_at > clock_timestamp()) IS NOT TRUE"
