"""EXP-11: creating where an expired record may still be stored."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import (
    clean_up,
    past,
    soon_expiring,
    wait_until_past,
)
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import (
    expect,
    expect_listed,
    expect_returns,
    expect_stored,
    expect_stored_expiry,
)
from pmcp_storage import AlreadyExistsError, TaskRecord


@rule("EXP-11")
def create_on_an_expired_key(trial: Trial) -> None:
    """Creating an expired key either raises AlreadyExistsError, or succeeds at version 1 and is
    listed once; after cleanup_expired (not native_expiry) it succeeds.

    Why: A client cannot create its task because an invisible one blocks the id for good, or the new
    task carries the old version and appears twice.

    Mend: Let create either treat the expired row as present, or replace it in the same step (ON
    CONFLICT DO UPDATE … WHERE expired) with version 1 and one index entry.
    """
    for expires_at in (past(trial), soon_expiring(trial)):
        owners = [trial.owner() for _ in range(2)]
        for owner in owners:
            trial.store_record(owner, expires_at=expires_at)
        wait_until_past(trial, expires_at)
        create_again(trial, trial.record(owners[0]))
        create_again(trial, trial.record(owners[1], expires_at=None))


def create_again(trial: Trial, record: TaskRecord) -> None:
    """Create the record on a key that has expired."""
    owner = record.owner_id
    try:
        version = trial.backend.create(record)
    except AlreadyExistsError:
        if trial.target.native_expiry:
            return
        clean_up(trial.backend)
        version = trial.backend.create(record)
    expect(version == 1, "create returns 1", f"it returned {short(version)}")
    expect_stored(trial, record, 1)
    expect_stored_expiry(trial, record)
    expect_listed(trial, owner, record)
    expect_returns(1, trial.backend.count_by_owner, owner)
