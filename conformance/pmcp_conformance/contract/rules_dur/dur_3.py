"""DUR-3: versions continue."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns, expect_stored


@rule("DUR-3", facts=("durable", "shared"))
def versions_continue(trial: Trial) -> None:
    """Versions continue after reopening."""
    owner = trial.owner()
    for version in range(1, 13):
        handle = trial.open(f"handle {version}")
        record = trial.record(owner)
        if version % 2:
            expect_returns(version, handle.put, record)
        else:
            expect_returns(version, handle.put_if_version, record, version - 1)
        handle.close()
    expect_stored(trial, record, 12)
