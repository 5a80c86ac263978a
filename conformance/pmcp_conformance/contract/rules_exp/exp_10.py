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

    def check(key: str, attempts: list[Attempt]) -> None:
        raise_unexpected(attempts)
        there = key in listed_ids(trial, owner)
        expect(there, "the refreshed record to stay", "gone, though put was acknowledged")
        trial.backend.delete(owner, key)

    explore_crossings(trial, pair, check)
    # The other way round, the cleanup may find the record locked, and wait for its refreshment.
    explore_crossings(trial, lambda key: pair(key)[::-1], check)
    explore_crossings(
        trial, partial(cleanup_and_newcomer, trial), lambda _, attempts: raise_unexpected(attempts)
    )


def cleanup_and_newcomer(trial: Trial, key: str) -> Sequence[Call]:
    """A cleanup, and the first record of an owner that is new to the storage."""
    handle = contenders(trial, 1)[0]
    trial.store_record(trial.owner(), key, expires_at=past(trial, HOUR))
    return handle.cleanup_expired, partial(handle.create, trial.record(trial.owner(), key))
