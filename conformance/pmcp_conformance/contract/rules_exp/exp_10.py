"""EXP-10: a cleanup while its record is refreshed, and while a new owner appears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past
from pmcp_conformance.contract.support import HOUR, overlap_in_server, race_numbers
from pmcp_conformance.engine.attempt import Attempt, Call, raise_unexpected
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation, premise
from pmcp_conformance.expectations import listed_ids
from pmcp_conformance.interleaving.exploration import explore_crossings, explore_overlaps
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_storage import StorageBackend

_BESIDE = 1_000
"""Records that a cleanup looks at and leaves alone."""


@rule("EXP-10", facts=("not native_expiry",))
def cleanup_spares_the_refreshed(trial: Trial) -> None:
    """cleanup_expired never removes a record that was refreshed while it ran.

    Why: A user extends a task, is told that it worked, and the cleanup removes it a moment later.

    Real bug: Caffeine's maintainer suspected a race behind unexpected misses: an expired entry can
    be revived by a concurrent write, and the removal did not check once more whether it had still
    expired. (https://github.com/ben-manes/caffeine/issues/30)

    Mend: DELETE … WHERE expires_at <= now in one statement, checked on the locked row itself. After
    a subquery repeat the condition outside (PostgreSQL rechecks only that), or select FOR UPDATE
    SKIP LOCKED.
    """
    owner = trial.owner()
    handle = contenders(trial, 1)[0]

    def pair(by: StorageBackend, key: str) -> Sequence[Call]:
        trial.store_record(owner, key, expires_at=past(trial, HOUR))
        return by.cleanup_expired, partial(by.put, trial.record(owner, key, expires_at=None))

    check = partial(check_refreshed, trial, owner)
    explore_overlaps(trial, partial(pair, handle), partial(check, put=1))
    # The other way round, the cleanup may find the record locked, and wait for its refreshment.
    explore_overlaps(trial, lambda key: pair(handle, key)[::-1], partial(check, put=0))
    explore_crossings(
        trial, partial(cleanup_and_newcomer, trial), lambda _, attempts: raise_unexpected(attempts)
    )
    overlap_in_server(trial, pair, partial(check, put=1))
    if not trial.target.in_process:
        race_cleanups(trial, partial(pair, handle), partial(check, put=1))


def race_cleanups(
    trial: Trial,
    pair: Callable[[str], Sequence[Call]],
    check: Callable[[str, list[Attempt]], None],
) -> None:
    """Let the calls of a pair race where none can be stopped in its midst, over a storage with so
    many records that a cleanup takes a while to look through them."""
    beside = trial.owner()
    for number in range(_BESIDE):
        trial.store_record(beside, f"{number:04}")
    for number in race_numbers(trial, 0):
        order = 1 if number % 2 else -1
        attempts = call_simultaneously(trial.watchdog, pair(key := f"race {number}")[::order])
        check(key, attempts[::order])


def check_refreshed(trial: Trial, owner: str, key: str, attempts: list[Attempt], put: int) -> None:
    """The record is there, unless the put, the attempt of that number, has failed."""
    raise_unexpected(attempts)
    if attempts[put].error is None and key not in listed_ids(trial, owner):
        calls = [f"cleanup_expired {attempts[1 - put]}", f"put of {key!r} {attempts[put]}"]
        observed = "gone, though put was acknowledged"
        raise Violation("the refreshed record to stay", observed, calls)
    with premise("DEL-1"):
        trial.backend.delete(owner, key)


def cleanup_and_newcomer(trial: Trial, key: str) -> Sequence[Call]:
    """A cleanup, and the first record of an owner that is new to the storage."""
    handle = contenders(trial, 1)[0]
    trial.store_record(trial.owner(), key, expires_at=past(trial, HOUR))
    return handle.cleanup_expired, partial(handle.create, trial.record(trial.owner(), key))
