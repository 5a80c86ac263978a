"""CAS-13: versions compare as numbers."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_cas.support import expect_conflict
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns, expect_stored


@rule("CAS-13")
def versions_compare_as_numbers(trial: Trial) -> None:
    """Versions compare as numbers: 9 is followed by 10, and 10 is later than 9.

    Why: Everything works until a task is changed for the tenth time. Then the version stands still,
    or an outdated copy passes for a newer one and overwrites results.

    Real bug: Mojarra compared the versions of resources as strings and so preferred 2.0 to 10.0.
    (https://github.com/javaee/mojarra/issues/1773)

    Mend: Use a numeric column, tonumber() in a script, or zero-padded text of a fixed and
    sufficient width. Never MAX, ORDER BY or < over text.
    """
    owner = trial.owner()
    trial.store_record_at(9, owner)
    expect_returns(10, trial.backend.put_if_version, trial.record(owner), 9)
    expect_conflict(trial, trial.record(owner), 9)
    expect_returns(11, trial.backend.put, trial.record(owner))
    expect_conflict(trial, trial.record(owner), 2)
    last = trial.record(owner)
    expect_returns(12, trial.backend.put_if_version, last, 11)
    expect_stored(trial, last, 12)
