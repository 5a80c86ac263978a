"""CAS-7: all writes share one version."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns


@rule("CAS-7")
def all_writes_share_one_version(trial: Trial) -> None:
    """put, create and put_if_version all advance the same version.

    Why: If an unconditional write leaves the version alone, or counts another one, a caller that
    read before it still passes the comparison and undoes it without noticing.

    Mend: Keep one version column that every write path advances, bulk updates and administrative
    scripts included; no counter of its own for any operation.
    """
    owner = trial.owner()
    expect_returns(1, trial.backend.create, trial.record(owner))
    expect_returns(2, trial.backend.put, trial.record(owner))
    expect_returns(3, trial.backend.put_if_version, trial.record(owner), 2)
    expect_returns(4, trial.backend.put, trial.record(owner))
    expect_returns(5, trial.backend.put_if_version, trial.record(owner), 4)
    expect_returns(6, trial.backend.put_if_version, trial.record(owner), 5)
    expect_returns(1, trial.backend.put, trial.record(owner, "other"))
    expect_returns(2, trial.backend.put_if_version, trial.record(owner, "other"), 1)
