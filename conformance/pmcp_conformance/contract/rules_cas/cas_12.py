"""CAS-12: refused writes use up no version."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_cas.support import expect_conflict_at
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect_returns


@rule("CAS-12")
def refused_writes_use_up_no_version(trial: Trial) -> None:
    """A refused write uses up no version.

    Why: A caller that lost a race reads, adapts and retries with the version it was told. If
    refusals move the version on, every contender invalidates the others and none gets through.

    Real bug: In Grails' GORM an object's version was incremented although its save had failed the
    optimistic lock, so saving it again succeeded and overwrote newer data.
    (https://github.com/apache/grails-data-mapping/issues/180)

    Mend: Advance the version only inside the write that succeeds (version + 1 of the row). No
    sequence and no INCR before the comparison: neither is undone by a refusal.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    for _ in range(3):
        with premise("CAS-2"):
            expect_conflict_at(trial, trial.record(owner), 1, actual=2)
    expect_returns(3, trial.backend.put_if_version, trial.record(owner), 2)
    expect_returns(4, trial.backend.put, trial.record(owner))
