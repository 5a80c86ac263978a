"""EXP-1: a record stays until its very expiry, looked at within the second in which it expires."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import (
    expect_visible,
    soon_expiring,
    still_ahead,
    wait_until_past,
)
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Inconclusive, Violation, premise
from pmcp_conformance.expectations import expect, expect_raises, expect_stored
from pmcp_storage import AlreadyExistsError, NotFoundError

_ATTEMPTS = 20
"""How often a slow storage may miss the second."""


@rule("EXP-1")
def never_too_early(trial: Trial) -> None:
    """A record is never hidden or removed before its expires_at, even when that is less than a
    second away.

    Why: A client is told when its task expires and finds it gone before. With short ttls most of
    the promised time can be missing.

    Real bug: An item set in memcached with a TTL of 1 second just before the clock's second ended
    was gone at once; users who had built locks on it lost them early.
    (https://github.com/memcached/memcached/issues/307)

    Mend: Round up to whole seconds where the storage counts them, and compare with > in
    microseconds and UTC elsewhere. No int(timestamp()), no timestamptz(0), no rounding to nearest.
    """
    # Both fall within the running second: an expiry that is cut to seconds has already passed,
    # and so has one in the first half that is rounded to the nearest second.
    for share in (0.999_999, 0.49):
        there_until_expiry(trial, share)
    outlives_its_siblings(trial)


def there_until_expiry(trial: Trial, share: float) -> None:
    """Look at a record that expires within this second, as often as it takes to look in time."""
    for _ in range(_ATTEMPTS):
        second = wait_for_phase(share)
        expires_at = datetime.fromtimestamp(second + share, UTC)
        record = trial.record(trial.owner(), expires_at=expires_at)
        try:
            trial.backend.create(record)
            expect_visible(trial, record, 1)
            # What replaces it would have removed it.
            again = trial.record(record.owner_id)
            expect_raises(AlreadyExistsError(record.owner_id, "task"), trial.backend.create, again)
            expect_stored(trial, record, 1)
        except (Violation, NotFoundError) as error:
            now = datetime.now(UTC)
            if still_ahead(trial, expires_at):
                wanted = f"the record until it expires, at {expires_at.time()} UTC"
                observed = error.observed if isinstance(error, Violation) else str(error)
                raise Violation(wanted, f"at {now.time()} UTC: {observed}") from error
        if still_ahead(trial, expires_at):
            return
    raise Inconclusive(
        f"the storage was too slow to tell: no answer within the second in {_ATTEMPTS} attempts: "
        "run it on a machine that is less busy, or nearer to the storage"
    )


def outlives_its_siblings(trial: Trial) -> None:
    """Records stay when others of their owner expire, whichever of them was written last."""
    soon, later = soon_expiring(trial), datetime.now(UTC) + HOUR
    orders: list[tuple[datetime | None, ...]] = [(later, soon), (None, soon), (soon, later, soon)]
    living = []
    for order in orders:
        owner = trial.owner()
        for number, expires_at in enumerate(order):
            record = trial.store_record(owner, f"t{number}", expires_at=expires_at)
            if expires_at is not soon:
                living.append(record)
        trial.store_record(owner, "deleted", expires_at=soon)
        with premise("DEL-1"):
            trial.backend.delete(owner, "deleted")
    wait_until_past(trial, soon)
    for record in living:
        expect_visible(trial, record, 1)
        live = trial.backend.count_by_owner(record.owner_id, live_at=datetime.now(UTC))
        expect(live == 1, "a count of 1 of what is alive", f"{live}")


def wait_for_phase(share: float) -> int:
    """The running second, once there is room in it before `share` of it has passed."""
    now = time.time()
    if now % 1 > share - 0.05:
        time.sleep(1.0001 - now % 1)
    return int(time.time())
