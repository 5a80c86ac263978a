"""EXP-13: an expiry is an instant, whatever the UTC offset or the time zone of the process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import (
    expect_absent,
    expect_returns,
    expect_stored,
    expect_stored_expiry,
)


@rule("EXP-13")
def the_instant_counts(trial: Trial) -> None:
    """The instant counts, not its notation: an expiry in another UTC offset, and a process in
    another time zone, expire alike.
    """
    for zone in ("UTC0", "WEST+12", "EAST-14"):
        with local_time_zone(zone):
            writer = trial.open("writer") if trial.target.shared else trial.backend
            for hours in (-12, 0, 14):
                expires_by_instant(trial, writer, timezone(timedelta(hours=hours)))


def expires_by_instant(trial: Trial, writer: RecordedBackend, offset: timezone) -> None:
    """What the writer stores with this offset expires by the instant, for it and others."""
    owner = trial.owner()
    soon = datetime.now(UTC) + HOUR / 2
    live = trial.record(owner, "live", expires_at=soon.astimezone(offset))
    gone = trial.record(owner, "gone", expires_at=past(trial, HOUR / 2).astimezone(offset))
    with premise("CRE-1"):
        for record in (live, gone):
            expect_returns(1, writer.create, record)
    for handle in (writer, trial.backend):
        handle.cleanup_expired()
        expect_stored(trial, live, 1)
        expect_stored_expiry(trial, live)
        expect_returns(0, handle.count_by_owner, owner, live_at=soon.astimezone(offset))
        if not trial.target.native_expiry:
            expect_absent(trial, owner, gone.task_id)


@contextmanager
def local_time_zone(zone: str) -> Iterator[None]:
    """This process in another time zone, where the system can do that.

    So are the connections that are opened meanwhile: libpq takes the zone of a session from PGTZ.
    """
    if not hasattr(time, "tzset"):
        yield
        return
    before = {name: os.environ.get(name) for name in ("TZ", "PGTZ")}
    try:
        os.environ.update(dict.fromkeys(before, zone))
        time.tzset()
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        time.tzset()
