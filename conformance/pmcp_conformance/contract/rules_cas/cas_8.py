"""CAS-8: swap replaces everything."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import full_fields, store_large
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import (
    expect_listed,
    expect_returns,
    expect_stored,
    expect_stored_expiry,
)


@rule("CAS-8")
def swap_replaces_everything(trial: Trial) -> None:
    """put_if_version replaces the whole record, expiry included, as put does.

    Why: A completed task keeps variables, a result or an expiry of its former state: secrets that
    were removed remain, and a task that was made permanent disappears.

    Real bug: In Rainbond an HTTP rule's path could not be set back to the empty string, because
    GORM's update ignores zero values. (https://github.com/goodrain/rainbond/pull/249)

    Mend: Replace the whole row in the conditional write: all columns, NULL where the record has
    nothing, and REMOVE or PERSIST for the expiry. Share the code with put.
    """
    owner = trial.owner()
    store_large(trial, owner)
    bare = trial.record(owner, variables={"z": 0}, expires_at=None)
    expect_returns(2, trial.backend.put_if_version, bare, 1)
    expect_stored(trial, bare, 2)
    expect_listed(trial, owner, bare)
    expect_stored_expiry(trial, bare)
    full = trial.record(owner, **full_fields(trial, owner))
    expect_returns(3, trial.backend.put_if_version, full, 2)
    expect_stored(trial, full, 3)
    expect_stored_expiry(trial, full)
