"""EXP-10: a cleanup while its record is refreshed, and while a new owner appears."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import past
from pmcp_conformance.contract.support import HOUR, overlap_in_server
from pmcp_conformance.engine.attempt import Attempt, Call, raise_unexpected
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, listed_ids
from pmcp_conformance.interleaving.exploration import explore_crossings
from pmcp_storage import StorageBackend


@rule("EXP-10", facts=("not native_expiry",))
def cleanup_spares_the_refreshed(trial: Trial) -> None:
    """cleanup_expired never removes a record that was refreshed while it ran."""
    owner = trial.owner()
    handle = contenders(trial, 1)[0]

    def pair(by: StorageBackend, key: str) -> Sequence[Call]:
        trial.store_record(owner, key, expires_at=past(trial, HOUR))
        return by.cleanup_expired, partial(by.put, trial.record(owner, key, expires_at=None))

    check = partial(check_refreshed, trial, owner)
    explore_crossings(trial, partial(pair, handle), partial(check, put=1))
    # The other way round, the cleanup may find the record locked, and wait for its refreshment.
    explore_crossings(trial, lambda key: pair(handle, key)[::-1], partial(check, put=0))
    explore_crossings(
        trial, partial(cleanup_and_newcomer, trial), lambda _, attempts: raise_unexpected(attempts)
    )
    overlap_in_server(trial, pair, partial(check, put=1))


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
