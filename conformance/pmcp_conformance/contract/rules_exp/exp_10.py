"""EXP-10: a cleanup while its record is refreshed, and while a new owner appears."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past
from pmcp_conformance.contract.support import HOUR
from pmcp_conformance.engine.attempt import Attempt, Call, raise_unexpected
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, listed_ids
from pmcp_conformance.interleaving.exploration import explore_crossings
from pmcp_conformance.interleaving.simultaneous import call_simultaneously
from pmcp_conformance.network.faulty_connection import FaultyConnection

_OVERLAPS = 24
"""Puts and cleanups that overlap; in half of them, by chance, the put comes first."""

_GIVE_UP_AFTER = 5
"""Overlaps after which a client that has not yet sent at the same time is taken to send none."""


@rule("EXP-10", facts=("not native_expiry",))
def cleanup_spares_the_refreshed(trial: Trial) -> None:
    """cleanup_expired never removes a record that was refreshed while it ran."""
    owner = trial.owner()
    handle = contenders(trial, 1)[0]

    def pair(key: str) -> Sequence[Call]:
        trial.store_record(owner, key, expires_at=past(trial, HOUR))
        return handle.cleanup_expired, partial(
            handle.put, trial.record(owner, key, expires_at=None)
        )

    check = partial(check_refreshed, trial, owner)
    explore_crossings(trial, pair, partial(check, put=1))
    # The other way round, the cleanup may find the record locked, and wait for its refreshment.
    explore_crossings(trial, lambda key: pair(key)[::-1], partial(check, put=0))
    explore_crossings(
        trial, partial(cleanup_and_newcomer, trial), lambda _, attempts: raise_unexpected(attempts)
    )
    if all(map(trial.target.offers, ("address", "open_at"))):
        refreshments_that_overlap(trial)


def check_refreshed(trial: Trial, owner: str, key: str, attempts: list[Attempt], put: int) -> None:
    """The record is there, unless the put, the attempt of that number, has failed."""
    raise_unexpected(attempts)
    there = attempts[put].error is not None or key in listed_ids(trial, owner)
    expect(there, "the refreshed record to stay", "gone, though put was acknowledged")
    trial.backend.delete(owner, key)


def cleanup_and_newcomer(trial: Trial, key: str) -> Sequence[Call]:
    """A cleanup, and the first record of an owner that is new to the storage."""
    handle = contenders(trial, 1)[0]
    trial.store_record(trial.owner(), key, expires_at=past(trial, HOUR))
    return handle.cleanup_expired, partial(handle.create, trial.record(trial.owner(), key))


def refreshments_that_overlap(trial: Trial) -> None:
    """A put and a cleanup are sent so that the server begins the one before it ends the other: the
    single request of a put has no place where its client could be stopped.
    """
    owner, gathered = trial.owner(), 0
    with FaultyConnection(trial) as connection:
        handle = connection.handle().unrecorded
        for number in range(_OVERLAPS):
            key = f"refreshed {number}"
            trial.store_record(owner, key, expires_at=past(trial, HOUR))
            put = partial(handle.put, trial.record(owner, key, expires_at=None))
            connection.proxy.overlap(2)
            attempts = call_simultaneously(trial.watchdog, [put, handle.cleanup_expired])
            check_refreshed(trial, owner, key, attempts, put=0)
            gathered += connection.proxy.gathered
            if number == _GIVE_UP_AFTER and not gathered:
                return
