"""EXP-9: expiries at both ends of what a record can hold."""

from __future__ import annotations

from datetime import UTC, datetime

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import expect_visible
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns


@rule("EXP-9")
def extreme_expiries(trial: Trial) -> None:
    """An expiry as early as the year 1 and as late as 9999 is accepted.

    Why: A task 'for ever' or one restored from an old backup makes the server fail, or its expiry
    wraps around into the past.

    Real bug: Dragonfly refused an EXPIREAT in the year 3021 as out of range; its maintainers do not
    see a bug in it and document the limit as a difference.
    (https://github.com/dragonflydb/dragonfly/issues/5463)

    Mend: signed 64-bit integers or a timestamp type that reaches from the year 1 to 9999; add no
    margins that overflow, and test for absence with `is None`, since 0 is 1970.
    """
    owner = trial.owner()
    far = [
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 1, 1, tzinfo=UTC),
    ]
    for number, instant in enumerate(far):
        record = trial.record(owner, f"far {number}", expires_at=instant)
        expect_returns(1, trial.backend.create, record)
        expect_visible(trial, record, 1)
    days = [(1970, 1, 1), (1970, 1, 2), (1969, 12, 31), (1, 1, 1)]
    for number, instant in enumerate(datetime(*day, tzinfo=UTC) for day in days):
        record = trial.record(owner, f"old {number}", expires_at=instant)
        expect_returns(1, trial.backend.create, record)
        expect_returns(
            1, trial.backend.put, trial.record(owner, f"put {number}", expires_at=instant)
        )
