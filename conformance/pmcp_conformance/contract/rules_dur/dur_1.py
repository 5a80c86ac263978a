"""DUR-1: reopening keeps everything."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_returns, expect_stored


@rule("DUR-1", facts=("durable", "shared"))
def reopening_keeps_everything(trial: Trial) -> None:
    """Closing and reopening keeps every record and version."""
    owner = trial.owner()
    handle = trial.open("first")
    records = {version: trial.record(owner, f"t{version}") for version in (1, 2, 3)}
    for version, record in records.items():
        for _ in range(version):
            handle.put(record)
    for task_id in ("deleted", "t0"):
        for _ in range(2):
            handle.put(trial.record(owner, task_id))
        handle.delete(owner, task_id)
    anew = trial.record(owner, "t0")
    handle.create(anew)
    handle.close()
    again = trial.open("again")
    for version, record in records.items():
        expect_stored(trial, record, version, again)
    expect_stored(trial, anew, 1, again)
    listed = sorted(entry.record.task_id for entry in again.list_by_owner(owner))
    expect(listed == ["t0", "t1", "t2", "t3"], "t0, t1, t2 and t3 listed", short(listed))
    expect_returns(2, again.put_if_version, trial.record(owner, "t0"), 1)
