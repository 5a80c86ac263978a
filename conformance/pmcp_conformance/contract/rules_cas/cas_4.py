"""CAS-4: refused swap changes nothing."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect_raises, expect_unchanged
from pmcp_storage import ConcurrentModificationError


@rule("CAS-4")
def refused_swap_changes_nothing(trial: Trial) -> None:
    """A refused put_if_version changes nothing: record, version, expiry and listing stay.

    Why: The caller is told that nothing happened, while the task has changed its content, has lost
    its expiry or has vanished from the owner's list.

    Mend: Let the condition cover everything: record, version, expiry and index in one statement,
    transaction or script that compares first. No EXPIRE or index update beside it.
    """
    owner = trial.owner()
    record = trial.store_record_at(2, owner)

    def attempt(expected: int) -> None:
        with premise("CAS-2" if expected == 1 else "CAS-3"):
            expect_raises(
                ConcurrentModificationError,
                trial.backend.put_if_version,
                trial.record(owner, expires_at=None),
                expected,
            )

    for expected in (1, 3):
        expect_unchanged(trial, record, 2, partial(attempt, expected))
