"""EXP-9: expiries at both ends of what a record can hold."""

from __future__ import annotations

from datetime import UTC, datetime

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import expect_visible
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns


@rule("EXP-9")
def extreme_expiries(trial: Trial) -> None:
    """An expiry in 1970 or in 9999 is accepted."""
    owner = trial.owner()
    far = [
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 1, 1, tzinfo=UTC),
    ]
    for number, instant in enumerate(far):
        record = trial.record(owner, f"far {number}", expires_at=instant)
        expect_returns(1, trial.backend.create, record)
        expect_visible(trial, record, 1)
    for number, instant in enumerate(
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC))
    ):
        record = trial.record(owner, f"old {number}", expires_at=instant)
        expect_returns(1, trial.backend.create, record)
        expect_returns(
            1, trial.backend.put, trial.record(owner, f"put {number}", expires_at=instant)
        )
