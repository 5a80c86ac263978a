"""LIST-13: counting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_list.support import HUGE
from pmcp_conformance.contract.support import ManyRecords
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_returns


@rule("LIST-13")
def counting(trial: Trial) -> None:
    """count_by_owner equals the length of the listing; with live_at it leaves out what has expired
    by then; with at_most it counts no further than that.

    Why: Quotas rest on this count. Counting the expired locks users out of creating tasks; counting
    too few lets them exceed their quota; ignoring at_most makes each creation read everything.

    Real bug: In Redisson, RMapCache.size() counted expired entries, which keySet() and values()
    left out. (https://github.com/redisson/redisson/issues/4081)

    Mend: COUNT with the condition `expires_at IS NULL OR expires_at > live_at` to the microsecond,
    inside a subquery that ends at at_most. No estimates, no cached counter, no single page's count.
    """
    owner = trial.owner()
    trial.store_record(trial.owner())
    handle = trial.backend
    expect_returns(0, handle.count_by_owner, owner)
    kind = type(handle.count_by_owner(owner)).__name__
    expect(kind == "int", "count_by_owner returns an int", f"it returned a {kind}")
    now = datetime.now(UTC).replace(microsecond=0)
    # Within one second, as text without and with a fraction of it: "10:00:00Z" > "10:00:00.5Z".
    minutes = [timedelta(minutes=10, microseconds=m) for m in (0, 250_000, 500_000)]
    # Those that expire first are at both ends of the listing: a scan that at_most cuts short
    # before it leaves out the expired ones counts too few, from whichever end it begins.
    for task_id, lifetime in zip(("t0", "t3", "t1"), minutes, strict=True):
        trial.store_record(owner, task_id, expires_at=now + lifetime)
    trial.store_record(owner, "t2", expires_at=None)
    expect_returns(4, handle.count_by_owner, owner)
    moment = timedelta(microseconds=1)
    cases = [(now, 4), (datetime.min.replace(tzinfo=UTC), 4), (datetime.max.replace(tzinfo=UTC), 1)]
    for passed, lifetime in enumerate(minutes, start=1):
        cases += [(now + lifetime - moment, 5 - passed), (now + lifetime, 4 - passed)]
        cases += [(now + lifetime + moment, 4 - passed)]
    for live_at, live in cases:
        expect_returns(live, handle.count_by_owner, owner, live_at=live_at)
        expect_returns(min(2, live), handle.count_by_owner, owner, live_at=live_at, at_most=2)
    for at_most in (1, 2, 3, 4, 5, 100, *HUGE):
        expect_returns(min(4, at_most), handle.count_by_owner, owner, at_most=at_most)
    counting_instants_of_one_digit(trial)
    counting_far_from_today(trial)
    counting_thousands(trial)


def counting_instants_of_one_digit(trial: Trial) -> None:
    """Month 9 comes before month 10, and so on down to the second: as text only if padded."""
    owner = trial.owner()
    first = datetime(datetime.now(UTC).year + 1, 9, 9, 9, 9, 9, tzinfo=UTC)
    units: list[dict[str, Any]] = [
        {unit: 10} for unit in ("second", "minute", "hour", "day", "month")
    ]
    instants = [first, *(first.replace(**unit) for unit in units)]
    for number, instant in enumerate(instants):
        trial.store_record(owner, f"t{number}", expires_at=instant)
    for passed, instant in enumerate(instants, start=1):
        live = len(instants) - passed
        expect_returns(live, trial.backend.count_by_owner, owner, live_at=instant)


def counting_far_from_today(trial: Trial) -> None:
    """To the microsecond there as well, where a float of seconds or milliseconds skips some."""
    moments = [timedelta(microseconds=number) for number in (1, 5)]
    for expires_at in (
        datetime(2300, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC) - max(moments),
    ):
        owner = trial.owner()
        trial.store_record(owner, expires_at=expires_at)
        cases = [(expires_at - moment, 1) for moment in moments]
        cases += [(expires_at, 0), *((expires_at + moment, 0) for moment in moments)]
        for live_at, live in cases:
            expect_returns(live, trial.backend.count_by_owner, owner, live_at=live_at)


def counting_thousands(trial: Trial) -> None:
    """The same of more records than storages count at a time."""
    if not trial.target.offers("open_fresh"):
        return
    many = trial.run.shared(ManyRecords, lambda: ManyRecords(trial))
    number, count = len(many.ids), many.handle.count_by_owner
    expect_returns(number, count, many.owner)
    expect_returns(number, count, many.owner, live_at=datetime.now(UTC))
    expect_returns(number - 1, count, many.owner, at_most=number - 1)
    # The living are at both ends, with all of the others between them.
    expect_returns(2, count, many.owner, live_at=many.expires_at, at_most=2)
