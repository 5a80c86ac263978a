"""What the rules on expiry share: instants around now, expired records, and a look at a record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry, expect_stored, listed_entry
from pmcp_storage import TaskRecord

_MOMENT = timedelta(milliseconds=1)


def past(trial: Trial, by: timedelta = _MOMENT) -> datetime:
    """An instant that has passed, by the storage's clock too."""
    return datetime.now(UTC) - timedelta(seconds=trial.target.clock_skew) - by


def still_ahead(trial: Trial, instant: datetime) -> bool:
    """Whether the instant has not come yet, by the storage's clock either."""
    return datetime.now(UTC) + timedelta(seconds=trial.target.clock_skew) < instant


def store_expired(trial: Trial, owner: str) -> list[TaskRecord]:
    """Store records that expired a moment, an hour and decades ago."""
    instants = [past(trial), past(trial, HOUR), datetime(1971, 1, 1, tzinfo=UTC)]
    return [
        trial.store_record(owner, f"expired {number}", expires_at=instant)
        for number, instant in enumerate(instants)
    ]


def expect_visible(trial: Trial, record: TaskRecord, version: int) -> None:
    """The record is found by get and by a listing, and a cleanup leaves it."""
    for _ in range(2):
        expect_stored(trial, record, version)
        expect_entry(listed_entry(trial, record.owner_id, record.task_id), record, version)
        trial.backend.cleanup_expired()
    expect_stored(trial, record, version)
