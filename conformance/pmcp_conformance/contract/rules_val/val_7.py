"""VAL-7: instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import expect_round_trip
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect


@rule("VAL-7")
def instants(trial: Trial) -> None:
    """expires_at keeps its microseconds, and an instant written in another UTC offset is the same
    instant.

    Why: A task's expiry differs from what its creator was told; records that were compared by value
    no longer match, and those who compare the two instants decide differently.

    Real bug: LiteDB cut a DateTime to milliseconds, as BSON does, so what was read differed from
    what had been stored. (https://github.com/litedb-org/LiteDB/issues/1765)

    Mend: Keep expires_at in the record's JSON as it is. In a column of its own use an instant with
    zone to the microsecond, or microseconds since 1970 as an integer, converted to UTC.
    """
    base = (datetime.now(UTC) + timedelta(minutes=40)).replace(microsecond=0)
    for micros in (0, 1, 999_999, 123_456, 500_000, 999_500):
        expect_round_trip(trial, expires_at=base.replace(microsecond=micros))
    for hours in (-12, 5.75, 14):
        zone = timezone(timedelta(hours=hours))
        record = trial.store_record(trial.owner(), expires_at=base.astimezone(zone))
        found = trial.backend.get(record.owner_id, "task").record.expires_at
        expect(found == base, f"the instant {base}", str(found))
