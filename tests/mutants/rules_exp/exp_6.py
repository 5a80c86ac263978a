"""Mutants of EXP-6."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mutants.base import (
    MutantTarget,
    now,
)
from mutants.postgres import PgBackend
from mutants.rules_exp.support import HOUR, StoredExpiry
from pmcp_storage.backends.memory import Key


class StoredInMilliseconds(MutantTarget):
    """breaks EXP-6: the stored expiry is in milliseconds where the storage reads seconds, so
    nothing ever expires.
    """

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        stored = super().stored_expiry(owner_id, task_id)
        return stored and stored * 1000


class StoredWithGrace(StoredExpiry):
    """breaks EXP-6: the stored expiry has two seconds of grace added."""

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        last = datetime.max.replace(tzinfo=UTC) - HOUR
        return expires_at + timedelta(seconds=2) if expires_at and expires_at < last else expires_at


class StoredFloored(MutantTarget):
    """breaks EXP-6: the storage itself, which removes by whole seconds, is given a time that is
    up to a second too early.
    """

    def stored_expiry(self, owner_id: str, task_id: str) -> float | None:
        stored = super().stored_expiry(owner_id, task_id)
        return stored and float(int(stored))


class DefaultLifetime(StoredExpiry):
    """breaks EXP-6: a record without expiry gets a default one of thirty days, as caches give."""

    def stored(self, key: Key, expires_at: datetime | None) -> datetime | None:
        return expires_at or now() + 720 * HOUR


class ExpiryIsFloat4(PgBackend):
    """breaks EXP-6: expiries are seconds in a column of type real, as FLOAT is in some SQL, which
    holds those of today to within a minute or two.
    """

    expiry = "to_timestamp(extract(epoch FROM %(expires_at)s::timestamptz)::real)"


class ExpiryIsInMilliseconds(PgBackend):
    """breaks EXP-6: the column is timestamptz(3), which rounds: an expiry moves forward by up to
    half a millisecond.
    """

    layout = PgBackend.layout.replace("timestamptz", "timestamptz(3)")
