"""EXP-2: a record without an expiry stays, whatever is cleaned up."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_exp.support import expect_visible, of_long_ago
from pmcp_conformance.engine.pacing import is_fast, limit_of, numbers
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect_stored
from pmcp_storage import TaskStatus

_MANY = 1_100
_FEW = 150
"""Records; a thousand is what caches often hold."""

_SECONDS = 0.5
"""For writing them, where an operation takes milliseconds."""


@rule("EXP-2")
def without_expiry(trial: Trial) -> None:
    """A record without expires_at is never removed or hidden, not even by cleanup_expired.

    Why: Tasks that were meant to be kept for good disappear, or are there and cannot be seen.

    Real bug: FOAM's LT(EXPIRY, today) is true when the expiry is null, so a check for null had to
    be added. (https://github.com/foam-framework/foam2/pull/3568)

    Mend: Store no expiry as NULL or as an absent attribute, never as 0. Hide with `expires_at IS
    NULL OR expires_at > now`, remove with `expires_at <= now`.
    """
    owner = trial.owner()
    record = trial.store_record(owner, expires_at=None)
    expect_visible(trial, record, 1)
    for version in (2, 3):
        with premise("PUT-2"):
            trial.backend.put(record := trial.record(owner, expires_at=None))
        expect_visible(trial, record, version)
    neither_age_nor_status_counts(trial)
    nothing_is_evicted(trial)


def neither_age_nor_status_counts(trial: Trial) -> None:
    """It stays also where its task ended years ago, or was to live for a second."""
    owner = trial.owner()
    for status in TaskStatus:
        record = trial.record(owner, status.value, expires_at=None)
        record = of_long_ago(record, status)
        with premise("CRE-1"):
            trial.backend.create(record)
        expect_visible(trial, record, 1)


def nothing_is_evicted(trial: Trial) -> None:
    """It stays also while many others come: a storage that is full refuses them instead."""
    owner = trial.owner()
    record = trial.store_record(owner, "first", expires_at=None)
    until = limit_of(trial, _SECONDS)
    for number in numbers(trial, _MANY if is_fast(trial) else _FEW, until=until):
        trial.store_record(owner, f"t{number}")
    expect_stored(trial, record, 1)
