"""CAS-11: stale swap of an equal record."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_cas.support import expect_conflict, expect_swap
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_stored


@rule("CAS-11")
def stale_swap_of_an_equal_record(trial: Trial) -> None:
    """A stale put_if_version is refused even when its record equals the stored one.

    Why: Two workers may want to store the same thing, such as 'cancelled' or a counter of 1. If the
    second is told that it succeeded, both act as the one winner: a job is charged twice, an
    increment is lost.

    Mend: Decide by version only. If you must recognize your own write after a lost answer, store a
    fresh token (write_id) with each call and compare that, never the value.
    """
    owner = trial.owner()
    trial.store_record(owner)
    record = trial.record(owner)
    expect_swap(trial, record, 1)
    expect_conflict(trial, record, 1)
    expect_stored(trial, record, 2)
