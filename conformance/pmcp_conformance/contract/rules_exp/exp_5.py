"""EXP-5: a cleanup leaves what has not expired, and what was created again on an expired key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past, store_expired
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect, expect_returns, expect_stored, listed_ids


@rule("EXP-5")
def cleanup_leaves_the_living(trial: Trial) -> None:
    """cleanup_expired leaves live records and records without expiry."""
    owner = trial.owner()
    store_expired(trial, owner)
    skew = timedelta(seconds=trial.target.clock_skew)
    ahead = [timedelta(minutes=1) + skew, HOUR, timedelta(days=365 * 20)]
    instants = [datetime.now(UTC) + lifetime for lifetime in ahead]
    living = [
        trial.store_record(owner, f"live {number}", expires_at=instant)
        for number, instant in enumerate([*instants, None])
    ]
    # Created again, these are at the version that the expired records had.
    for task_id in ("live again", "live anew"):
        trial.store_record(owner, task_id, expires_at=past(trial, HOUR))
        with premise("DEL-1"):
            trial.backend.delete(owner, task_id)
    living.append(trial.store_record(owner, "live again", expires_at=None))
    living.append(trial.record(owner, "live anew", expires_at=None))
    with premise("PUT-7"):
        expect_returns(1, trial.backend.put, living[-1])
    for _ in range(2):
        trial.backend.cleanup_expired()
        for record in living:
            expect_stored(trial, record, 1)
        listed = set(listed_ids(trial, owner))
        missing = sorted({record.task_id for record in living} - listed)
        expect(not missing, "all live records listed", f"missing: {missing}")
