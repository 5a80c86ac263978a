"""EXP-13: an expiry is an instant, whatever the UTC offset or the time zone of the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import clean_up, past
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.time_zone import going_back, local_time_zone
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
    zones: list[str | datetime] = ["UTC0", "WEST+12", "EAST-14", clocks_going_back()]
    for number, zone in enumerate(zones):
        with in_time_zone(trial, zone):
            writer = trial.open(f"writer {number}") if trial.target.shared else trial.backend
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


def clocks_going_back() -> datetime:
    """When clocks go back, in some minutes, by an hour in which the records expire."""
    return datetime.now(UTC) + HOUR + timedelta(minutes=10)


@contextmanager
def in_time_zone(trial: Trial, zone: str | datetime) -> Iterator[None]:
    """This process in that zone, or in one whose clocks go back at that instant."""
    trial.recording.log.note(f"time_zone({trial.recording.log.literals.code(zone)})")
    with local_time_zone(zone if isinstance(zone, str) else going_back(zone)):
        yield
