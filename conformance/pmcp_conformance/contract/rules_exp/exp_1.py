"""EXP-1: a record stays until its very expiry, looked at within the second in which it expires."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import expect_visible, still_ahead
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_storage import NotFoundError

_ATTEMPTS = 20
"""How often a slow storage may miss the second."""


@rule("EXP-1")
def never_too_early(trial: Trial) -> None:
    """A record is never hidden or removed before its expires_at, even when that is less than a
    second away.
    """
    # Both fall within the running second: an expiry that is cut to seconds has already passed,
    # and so has one in the first half that is rounded to the nearest second.
    for share in (0.999_999, 0.49):
        there_until_expiry(trial, share)


def there_until_expiry(trial: Trial, share: float) -> None:
    """Look at a record that expires within this second, as often as it takes to look in time."""
    for _ in range(_ATTEMPTS):
        second = wait_for_phase(share)
        expires_at = datetime.fromtimestamp(second + share, UTC)
        record = trial.record(trial.owner(), expires_at=expires_at)
        try:
            trial.backend.create(record)
            expect_visible(trial, record, 1)
        except (Violation, NotFoundError):
            if still_ahead(trial, expires_at):
                raise
        if still_ahead(trial, expires_at):
            return
    raise Violation(
        f"an answer within the second, in one of {_ATTEMPTS} attempts",
        "the storage was too slow each time",
    )


def wait_for_phase(share: float) -> int:
    """The running second, once there is room in it before `share` of it has passed."""
    now = time.time()
    if now % 1 > share - 0.05:
        time.sleep(1.0001 - now % 1)
    return int(time.time())
