"""VAL-1: every field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_val.support import exact, expect_round_trip
from pmcp_conformance.contract.support import full_fields
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_stored
from pmcp_storage import Task, TaskStatus


@rule("VAL-1")
def every_field(trial: Trial) -> None:
    """Every field of a record comes back equal, whether it is set or absent.

    Why: A client sees a task without its message, with another ttl or a wrong time of change, and
    the next change of the store writes the loss back.

    Mend: Store record.to_json() and read it with read_row, rather than mapping fields to columns.
    Test with `is None`, not with `or`: 0, "" and {} are values.

    Facts: With another `integers` than any, ttl and poll interval only as far as that.
    """
    owner = trial.owner()
    full = full_fields(trial, owner)
    expect_round_trip(trial, **full)
    for field in full:
        expect_round_trip(trial, **{name: full[name] for name in full if name != field})
    expect_round_trip(trial, variables={}, expires_at=None)
    expect_round_trip(trial, request_method="")
    extremes_of_tasks(trial)
    now = datetime.now(UTC)
    for status in TaskStatus:
        for message in (None, "", "done"):
            task = Task(
                task_id="task",
                status=status,
                status_message=message,
                created_at=now,
                last_updated_at=now + timedelta(seconds=1),
                ttl=0 if message == "" else None,
                poll_interval=0 if message == "" else None,
                meta={} if message == "" else None,
            )
            record = trial.store_record(trial.owner(), task=task)
            expect_stored(trial, record, 1)


def extremes_of_tasks(trial: Trial) -> None:
    """Durations of up to 64 bits and instants of any year, also where clocks were set back."""
    task = trial.record(trial.owner()).task
    lengths = (2**31 - 1, 2**31, 2**32 + 1, 2**53 + 1, 2**63, 2**64 - 1)
    exact_ones = exact(trial, lengths)
    changes: list[dict[str, Any]] = [{"ttl": n, "poll_interval": n} for n in exact_ones]
    years = (datetime(year, 2, 28, 23, 59, 59, 999_000, tzinfo=UTC) for year in (1, 1969, 9999))
    changes += [{"created_at": instant, "last_updated_at": instant} for instant in years]
    changes += [{"last_updated_at": task.created_at - timedelta(hours=1)}]
    for change in changes:
        record = trial.store_record(trial.owner(), task=task.model_copy(update=change))
        expect_stored(trial, record, 1)
