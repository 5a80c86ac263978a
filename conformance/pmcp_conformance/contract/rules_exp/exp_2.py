"""EXP-2: a record without an expiry stays, whatever is cleaned up."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import expect_visible
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise


@rule("EXP-2")
def without_expiry(trial: Trial) -> None:
    """A record without expires_at is never removed or hidden, not even by cleanup_expired."""
    owner = trial.owner()
    record = trial.store_record(owner, expires_at=None)
    expect_visible(trial, record, 1)
    for version in (2, 3):
        with premise("PUT-2"):
            trial.backend.put(record := trial.record(owner, expires_at=None))
        expect_visible(trial, record, version)
