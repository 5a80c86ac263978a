"""Mutants of VAL-7."""

from __future__ import annotations

from datetime import datetime

from mutants.base import (
    Altering,
)
from pmcp_storage import (
    TaskRecord,
)


class AlteringExpiry(Altering):
    """Stores another expires_at in the record's JSON."""

    def instant(self, expires_at: datetime) -> datetime:
        return expires_at

    def altered(self, record: TaskRecord) -> TaskRecord:
        if record.expires_at is None:
            return record
        return record.model_copy(update={"expires_at": self.instant(record.expires_at)})


class ExpiryInMilliseconds(AlteringExpiry):
    """breaks VAL-7: expires_at keeps milliseconds only, as BSON dates do."""

    def instant(self, expires_at: datetime) -> datetime:
        return expires_at.replace(microsecond=expires_at.microsecond // 1000 * 1000)


class ExpiryThroughADouble(AlteringExpiry):
    """breaks VAL-7: expires_at goes through a number of 14 digits, which ends at 10 µs."""

    def instant(self, expires_at: datetime) -> datetime:
        micros = round(expires_at.microsecond / 10) * 10
        return expires_at.replace(microsecond=min(micros, 999_990))
