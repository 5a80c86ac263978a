"""EXP-4: a cleanup counts what it removed, even while another one or a delete runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.attempt import Attempt, Call, raise_unexpected
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.handles import open_fresh, watched
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect, expect_returns
from pmcp_conformance.interleaving.exploration import explore_crossings
from pmcp_storage import BackendError


@rule("EXP-4", facts=("not native_expiry",), back_doors=("open_fresh",))
def cleanup_counts(trial: Trial) -> None:
    """cleanup_expired returns the number of records that it removed, and 0 when called again.

    Why: Operators watch this number. One that is always 0, or counts what was only looked at, hides
    that the cleanup does nothing or is overloaded.

    Real bug: koku's task that removes stale tenants appeared to delete some 15,000 of them and did
    not, until its list was limited to those that have a schema to delete.
    (https://github.com/project-koku/koku/pull/3047)

    Mend: Return the sum of rows that your DELETEs really hit (rowcount before commit, RETURNING),
    in one statement with the condition. Lock in key order or skip locked rows, so that two cleanups
    do not count or block each other.
    """
    fresh = open_fresh(trial)
    now = datetime.now(UTC)
    expect_returns(0, fresh.cleanup_expired)
    for number, lifetime in enumerate((-HOUR, -2 * HOUR, -3 * HOUR, HOUR, None)):
        expires_at = None if lifetime is None else now + lifetime
        fresh.create(trial.record(f"owner {number % 2}", f"t{number}", expires_at=expires_at))
    fresh.put(trial.record("owner 0", "t0", expires_at=now - 4 * HOUR))
    fresh.create(trial.record("owner 0", "deleted", expires_at=now - HOUR))
    # Where the expired are absent to every operation, their rows are left to the cleanup.
    most = 3 if fresh.delete("owner 0", "deleted") else 4
    removed = fresh.cleanup_expired()
    told = "cleanup_expired returns 3" if most == 3 else "cleanup_expired returns 3 or 4"
    number = type(removed) is int and removed in (3, most)
    expect(number, f"{told}, an int", f"it returned {short(removed)}")
    expect_returns(0, fresh.cleanup_expired)
    # A storage that hides what has expired may say that a delete found nothing.
    for other, least in (("cleanup_expired", 2), ("delete", 1)):
        check = partial(expect_counted_once, least)
        explore_crossings(trial, partial(cleanup_and_rival, trial, fresh, other), check)


def cleanup_and_rival(trial: Trial, fresh: RecordedBackend, other: str, key: str) -> Sequence[Call]:
    """A cleanup of two records, and another call that removes both or one of them."""
    handle = watched(trial, fresh.unrecorded)
    with suppress(BackendError):  # what a rival before this one has failed to remove
        handle.cleanup_expired()
    for task_id in ("one", "two"):
        handle.put(trial.record(key, task_id, expires_at=past(trial, HOUR)))
    args = (key, "one") if other == "delete" else ()
    return handle.cleanup_expired, partial(getattr(handle, other), *args)


def expect_counted_once(least: int, _: str, attempts: list[Attempt]) -> None:
    """Each of the two records is counted by one of the calls."""
    raise_unexpected(attempts)
    counts = [attempt.result for attempt in attempts]
    failed = any(attempt.failed or attempt.unknown for attempt in attempts)
    if not failed and not least <= sum(counts) <= 2:
        raise Violation("2 records removed in all", f"the two calls returned {counts}")
