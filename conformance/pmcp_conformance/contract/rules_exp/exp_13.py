"""EXP-13: an expiry is an instant, whatever the UTC offset or the time zone of the process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import clean_up, past
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

    Why: In one region or after the clock change tasks expire hours early or late, or servers in two
    zones disagree about the same task.

    Real bug: Hanko had to convert the expiry of WebAuthn session data to UTC before storing it, to
    prevent trouble on servers whose time zone is not UTC.
    (https://github.com/teamhanko/hanko/pull/2287)

    Mend: timestamptz, or UTC epoch numbers; convert with astimezone(UTC) before storing and compare
    instants, never text or naive datetimes. No utcnow().timestamp(), no LOCALTIMESTAMP.
    """
    for zone in ("UTC0", "WEST+12", "EAST-14", clocks_going_back()):
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
        clean_up(handle)
        expect_stored(trial, live, 1)
        expect_stored_expiry(trial, live)
        expect_returns(0, handle.count_by_owner, owner, live_at=soon.astimezone(offset))
        if not trial.target.native_expiry:
            expect_absent(trial, owner, gone.task_id)


def clocks_going_back() -> str:
    """A zone whose clocks go back by an hour in some minutes, in the notation of POSIX: what then
    expires is past by the time of day."""
    change = datetime.now(UTC) + HOUR + timedelta(minutes=10)
    return f"WINTER0SUMMER,0/0,{change.timetuple().tm_yday - 1}/{change:%H:%M:%S}"


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
        if "," in zone:  # which not every server knows that speaks PostgreSQL's protocol
            os.environ.pop("PGTZ", None)
        time.tzset()
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        time.tzset()
