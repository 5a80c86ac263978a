"""EXP-12: a cleanup of more records than storages handle in one batch."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, listed_ids


@rule("EXP-12", facts=("not native_expiry",))
def cleanup_removes_hundreds(trial: Trial) -> None:
    """cleanup_expired removes more than a hundred expired records in one call."""
    owner = trial.owner()
    for number in range(120):
        trial.store_record(owner, f"t{number}", expires_at=past(trial, HOUR))
    trial.backend.cleanup_expired()
    left = listed_ids(trial, owner)
    expect(not left, "none of 120 expired records left", f"{len(left)} left")
