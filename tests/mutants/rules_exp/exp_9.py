"""Mutants of EXP-9."""

from __future__ import annotations

import struct

from mutants.base import (
    Altering,
)
from mutants.postgres import PgBackend
from mutants.rules_exp.support import HOUR
from pmcp_storage import (
    BackendError,
    TaskRecord,
)
from pmcp_storage.backends.instants import epoch_microseconds


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


class ExpiryIsInt4(PgBackend):
    """breaks EXP-9: expiries are seconds in an integer of 32 bits, which ends in 2038."""

    expiry = "to_timestamp(extract(epoch FROM %(expires_at)s::timestamptz)::integer)"


class ExpiryIsUnsigned(Altering):
    """breaks EXP-9: an expiry is an unsigned number of microseconds since 1970, and one from before
    raises what packs it.
    """

    def altered(self, record: TaskRecord) -> TaskRecord:
        if record.expires_at is not None:
            struct.pack(">Q", epoch_microseconds(record.expires_at))
        return record


class CalendarBeginsIn1753(Altering):
    """breaks EXP-9: an expiry before 1753 is out of range, as for SQL Server's datetime."""

    def altered(self, record: TaskRecord) -> TaskRecord:
        if record.expires_at is not None and record.expires_at.year < 1753:
            raise BackendError("out of range")
        return record
