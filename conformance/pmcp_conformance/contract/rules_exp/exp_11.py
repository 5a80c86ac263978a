"""EXP-11: creating where an expired record may still be stored."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_listed, expect_returns, expect_stored
from pmcp_storage import AlreadyExistsError


@rule("EXP-11")
def create_on_an_expired_key(trial: Trial) -> None:
    """Creating an expired key either raises AlreadyExistsError, or succeeds at version 1 and is
    listed once; after cleanup_expired (not native_expiry) it succeeds.
    """
    owner = trial.owner()
    trial.store_record(owner, expires_at=past(trial))
    record = trial.record(owner)
    try:
        version = trial.backend.create(record)
    except AlreadyExistsError:
        if trial.target.native_expiry:
            return
        trial.backend.cleanup_expired()
        version = trial.backend.create(record)
    expect(version == 1, "create returns 1", f"it returned {short(version)}")
    expect_stored(trial, record, 1)
    expect_listed(trial, owner, record)
    expect_returns(1, trial.backend.count_by_owner, owner)
