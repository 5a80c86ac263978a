"""EXP-3, EXP-4, EXP-5, EXP-10, EXP-12: what a cleanup removes, and what it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.expiry import HOUR, past
from pmcp_conformance.engine.attempt import Attempt, raise_unexpected
from pmcp_conformance.engine.recording import TracedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.exploration import Call, crossed
from pmcp_storage import TaskRecord


def some_expired(trial: Trial, owner: str) -> list[TaskRecord]:
    """Records that expired a moment, an hour and decades ago."""
    instants = [past(trial), past(trial, HOUR), datetime(1971, 1, 1, tzinfo=UTC)]
    return [
        trial.seed(owner, f"expired {number}", expires_at=instant)
        for number, instant in enumerate(instants)
    ]


@rule("EXP-3", facts=("not native_expiry",))
def cleanup_removes_the_expired(trial: Trial) -> None:
    """After cleanup_expired the expired records of an owner are gone."""
    owner, other = trial.owner(), trial.owner()
    expired = some_expired(trial, owner) + some_expired(trial, other)
    trial.backend.cleanup_expired()
    for record in expired:
        trial.absent(record.owner_id, record.task_id)
    trial.lists(owner)
    trial.returns(0, trial.backend.count_by_owner, owner)


@rule("EXP-4", facts=("not native_expiry",), doors=("open_fresh",))
def cleanup_counts(trial: Trial) -> None:
    """cleanup_expired returns the number of records that it removed, and 0 when called again."""
    fresh = trial.open_fresh()
    now = datetime.now(UTC)
    trial.returns(0, fresh.cleanup_expired)
    for number, lifetime in enumerate((-HOUR, -2 * HOUR, -3 * HOUR, HOUR, None)):
        expires_at = None if lifetime is None else now + lifetime
        fresh.create(trial.record(f"owner {number % 2}", f"t{number}", expires_at=expires_at))
    fresh.put(trial.record("owner 0", "t0", expires_at=now - 4 * HOUR))
    fresh.create(trial.record("owner 0", "deleted", expires_at=now - HOUR))
    with trial.premise("DEL-1"):
        fresh.delete("owner 0", "deleted")
    trial.returns(3, fresh.cleanup_expired)
    trial.returns(0, fresh.cleanup_expired)
    # A storage that hides what has expired may say of a delete that there was nothing.
    for other, least in (("cleanup_expired", 2), ("delete", 1)):
        check = partial(check_removed, least)
        crossed(trial, partial(both_remove, trial, fresh, other), check)


def both_remove(trial: Trial, fresh: TracedBackend, other: str, key: str) -> Sequence[Call]:
    """A cleanup of two records, and somebody else who removes them or one of them."""
    handle = trial.watched(fresh.untraced)
    for task_id in ("one", "two"):
        handle.put(trial.record(key, task_id, expires_at=past(trial, HOUR)))
    args = (key, "one") if other == "delete" else ()
    return handle.cleanup_expired, partial(getattr(handle, other), *args)


def check_removed(least: int, _: str, attempts: list[Attempt]) -> None:
    """Each of the two records counts for one of the calls."""
    raise_unexpected(attempts)
    told = [attempt.result for attempt in attempts]
    failed = any(attempt.failed or attempt.unknown for attempt in attempts)
    if not failed and not least <= sum(told) <= 2:
        raise Violation("2 records removed in all", f"the two calls returned {told}")


@rule("EXP-5")
def cleanup_leaves_the_living(trial: Trial) -> None:
    """cleanup_expired leaves live records and records without expiry."""
    owner = trial.owner()
    some_expired(trial, owner)
    skew = timedelta(seconds=trial.target.clock_skew)
    ahead = [timedelta(minutes=1) + skew, HOUR, timedelta(days=365 * 20)]
    instants = [datetime.now(UTC) + lifetime for lifetime in ahead]
    living = [
        trial.seed(owner, f"live {number}", expires_at=instant)
        for number, instant in enumerate([*instants, None])
    ]
    for task_id in ("live again", "live anew"):  # whose versions start again at that of the expired
        trial.seed(owner, task_id, expires_at=past(trial, HOUR))
        with trial.premise("DEL-1"):
            trial.backend.delete(owner, task_id)
    living.append(trial.seed(owner, "live again", expires_at=None))
    living.append(trial.record(owner, "live anew", expires_at=None))
    with trial.premise("PUT-7"):
        trial.returns(1, trial.backend.put, living[-1])
    for _ in range(2):
        trial.backend.cleanup_expired()
        for record in living:
            trial.holds(record, 1)
        listed = set(trial.task_ids(owner))
        missing = sorted({record.task_id for record in living} - listed)
        trial.expect(not missing, "all live records listed", f"missing: {missing}")


@rule("EXP-10", facts=("not native_expiry",))
def cleanup_spares_the_refreshed(trial: Trial) -> None:
    """cleanup_expired never removes a record that was refreshed while it ran."""
    owner, handle = trial.owner(), trial.contenders(1)[0]

    def pair(key: str) -> Sequence[Call]:
        trial.seed(owner, key, expires_at=past(trial, HOUR))
        return handle.cleanup_expired, partial(
            handle.put, trial.record(owner, key, expires_at=None)
        )

    def check(key: str, attempts: list[Attempt]) -> None:
        raise_unexpected(attempts)
        there = key in trial.task_ids(owner)
        trial.expect(there, "the refreshed record to stay", "gone, though put was acknowledged")
        trial.backend.delete(owner, key)

    crossed(trial, pair, check)
    crossed(
        trial, partial(cleanup_and_newcomer, trial), lambda _, attempts: raise_unexpected(attempts)
    )


def cleanup_and_newcomer(trial: Trial, key: str) -> Sequence[Call]:
    """A cleanup, and a record of an owner who comes to the storage meanwhile."""
    handle = trial.contenders(1)[0]
    trial.seed(trial.owner(), key, expires_at=past(trial, HOUR))
    return handle.cleanup_expired, partial(handle.create, trial.record(trial.owner(), key))


@rule("EXP-12", facts=("not native_expiry",))
def cleanup_removes_hundreds(trial: Trial) -> None:
    """cleanup_expired removes more than a hundred expired records in one call."""
    owner = trial.owner()
    for number in range(120):
        trial.seed(owner, f"t{number}", expires_at=past(trial, HOUR))
    trial.backend.cleanup_expired()
    left = trial.task_ids(owner)
    trial.expect(not left, "none of 120 expired records left", f"{len(left)} left")
