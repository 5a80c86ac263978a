"""DUR-3: versions continue."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_returns, expect_stored


@rule("DUR-3", facts=("durable", "shared"))
def versions_continue(trial: Trial) -> None:
    """Versions continue after reopening.

    Why: After a restart a version that a client read yesterday is given out again for other data,
    and its compare-and-swap overwrites what it has never seen.

    Real bug: MySQL before 8.0 kept the auto_increment counter in memory: after a restart of the
    server with the table empty, numbers began again. (https://github.com/ent/ent/pull/329)

    Mend: Keep the version in the row and increment it there; keep no counter in the handle, and
    reserve no blocks of numbers.
    """
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
