"""Shared by the rules on expiry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pmcp_conformance.engine.expectations import expect_entry, expect_stored, listed_entry
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    TaskRecord,
)

HOUR = timedelta(hours=1)


MOMENT = timedelta(milliseconds=1)


def past(trial: Trial, by: timedelta = MOMENT) -> datetime:
    """An instant that has passed, by the storage's clock too."""
    return datetime.now(UTC) - timedelta(seconds=trial.target.clock_skew) - by


def is_there(trial: Trial, record: TaskRecord, version: int) -> None:
    """The record is found by get, by a listing and by a count, also after a cleanup."""
    for _ in range(2):
        expect_stored(trial, record, version)
        expect_entry(listed_entry(trial, record.owner_id, record.task_id), record, version)
        trial.backend.cleanup_expired()
    expect_stored(trial, record, version)


def in_time(trial: Trial, expires_at: datetime) -> bool:
    """Whether the instant still lies ahead, by the storage's clock too."""
    return datetime.now(UTC) + timedelta(seconds=trial.target.clock_skew) < expires_at


Look = Callable[[str], bool]


def some_expired(trial: Trial, owner: str) -> list[TaskRecord]:
    """Records that expired a moment, an hour and decades ago."""
    instants = [past(trial), past(trial, HOUR), datetime(1971, 1, 1, tzinfo=UTC)]
    return [
        trial.store_record(owner, f"expired {number}", expires_at=instant)
        for number, instant in enumerate(instants)
    ]
