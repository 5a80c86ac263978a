"""What the rules on expiry share: instants around now, expired records, and a look at a record."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from pmcp_conformance.contract.support import EQUAL_CONTENTS, HOUR, with_task
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry, expect_stored, listed_entry
from pmcp_storage import BackendError, CorruptRecordError, TaskRecord, TaskStatus

_MOMENT = timedelta(milliseconds=1)

_YEARS_AGO = datetime(2001, 1, 1, tzinfo=UTC)

_CLEANUPS = 5
"""Attempts at a cleanup that others may be in the way of."""

_PAUSE = 0.05
"""Seconds between two of them."""


def past(trial: Trial, by: timedelta = _MOMENT) -> datetime:
    """An instant that has passed, by the storage's clock too."""
    return datetime.now(UTC) - timedelta(seconds=trial.target.clock_skew) - by


def still_ahead(trial: Trial, instant: datetime) -> bool:
    """Whether the instant has not come yet, by the storage's clock either."""
    return datetime.now(UTC) + timedelta(seconds=trial.target.clock_skew) < instant


def soon_expiring(trial: Trial, seconds: float = 0.2) -> datetime:
    """An instant that comes when some records are stored, or while they are."""
    return datetime.now(UTC) + timedelta(seconds=trial.target.clock_skew + seconds)


def wait_until_past(trial: Trial, instant: datetime) -> None:
    """Wait until the instant has passed, by the storage's clock too."""
    time.sleep(max(0.0, (instant - past(trial)).total_seconds()))


def store_expired(trial: Trial, owner: str, form: str = "expired {}") -> list[TaskRecord]:
    """Store records that expired a moment, an hour and decades ago, of every status."""
    # A whole second as text, "10:00:00Z", may come after a fraction of it, "10:00:00.5Z".
    whole = past(trial).replace(microsecond=0)
    long_ago = [datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 1971)]
    instants = [past(trial), past(trial, HOUR), whole, *long_ago]
    instants += of_one_digit(past(trial))
    return [
        trial.store_record(
            owner,
            task_id := form.format(number),
            task=with_task(trial.record(owner, task_id), status=status).task,
            expires_at=instant,
            **EQUAL_CONTENTS,
        )
        for number, (instant, status) in enumerate(zip(instants, cycle(TaskStatus), strict=False))
    ]


def of_one_digit(now: datetime) -> list[datetime]:
    """Instants before now that come after it as text without leading zeros: 9:59 > 10:00."""
    earlier: dict[str, dict[str, Any]] = {
        "month": {"month": 9, "day": 1},
        **{unit: {unit: 9} for unit in ("day", "hour", "minute", "second")},
    }
    return [now.replace(**parts) for unit, parts in earlier.items() if getattr(now, unit) >= 10]


def of_long_ago(record: TaskRecord, status: TaskStatus) -> TaskRecord:
    """The record of a task that was to live for a second, years ago: its expiry alone counts."""
    return with_task(
        record, status=status, created_at=_YEARS_AGO, last_updated_at=_YEARS_AGO, ttl=1_000
    )


def clean_up(handle: RecordedBackend) -> int:
    """Let the handle clean up; what that returns. Where another worker's cleanup is in its way, it
    is done again.
    """
    for _ in range(_CLEANUPS - 1):
        try:
            return handle.cleanup_expired()
        except CorruptRecordError:
            raise
        except BackendError:
            time.sleep(_PAUSE)
    return handle.cleanup_expired()


def expect_visible(trial: Trial, record: TaskRecord, version: int) -> None:
    """The record is found by get and by a listing, and a cleanup leaves it."""
    for _ in range(2):
        expect_stored(trial, record, version)
        expect_entry(listed_entry(trial, record.owner_id, record.task_id), record, version)
        clean_up(trial.backend)
    expect_stored(trial, record, version)
