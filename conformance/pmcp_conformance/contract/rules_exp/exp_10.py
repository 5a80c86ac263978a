"""EXP-10: cleanup spares the refreshed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import HOUR, past
from pmcp_conformance.engine.attempt import Attempt, Call, raise_unexpected
from pmcp_conformance.engine.expectations import expect, listed_ids
from pmcp_conformance.engine.handles import contenders
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.interleaving.exploration import crossed


@rule("EXP-10", facts=("not native_expiry",))
def cleanup_spares_the_refreshed(trial: Trial) -> None:
    """cleanup_expired never removes a record that was refreshed while it ran."""
    owner, handle = trial.owner(), contenders(trial, 1)[0]

    def pair(key: str) -> Sequence[Call]:
        trial.store_record(owner, key, expires_at=past(trial, HOUR))
        return handle.cleanup_expired, partial(
            handle.put, trial.record(owner, key, expires_at=None)
        )

    def check(key: str, attempts: list[Attempt], put: int) -> None:
        raise_unexpected(attempts)
        there = attempts[put].error is not None or key in listed_ids(trial, owner)
        expect(there, "the refreshed record to stay", "gone, though put was acknowledged")
        trial.backend.delete(owner, key)

    crossed(trial, pair, partial(check, put=1))
    # The other way round, the cleanup may find the record locked, and wait for its refreshment.
    crossed(trial, lambda key: pair(key)[::-1], partial(check, put=0))
    crossed(
        trial, partial(cleanup_and_newcomer, trial), lambda _, attempts: raise_unexpected(attempts)
    )


def cleanup_and_newcomer(trial: Trial, key: str) -> Sequence[Call]:
    """A cleanup, and a record of an owner who comes to the storage meanwhile."""
    handle = contenders(trial, 1)[0]
    trial.store_record(trial.owner(), key, expires_at=past(trial, HOUR))
    return handle.cleanup_expired, partial(handle.create, trial.record(trial.owner(), key))
