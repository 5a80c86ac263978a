"""DUR-1: reopening keeps everything."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_returns, expect_stored
from pmcp_storage import TaskRecord


@rule("DUR-1", facts=("durable", "shared"))
def reopening_keeps_everything(trial: Trial) -> None:
    """Closing and reopening keeps every record and version.

    Why: The server is redeployed and tasks are missing, or deleted ones are back. Clients poll ids
    that were confirmed to them and get 'not found'.

    Real bug: SlateDB with its write-ahead log disabled lost what was still in memory when it was
    closed, even after an explicit flush. (https://github.com/slatedb/slatedb/issues/434)

    Mend: Write through before the call returns, and let _close have nothing left to save. Persist
    deletions and versions with the record, and replay a log in the order in which things happened.
    """
    owner = trial.owner()
    handle = trial.open("first")
    records = dict[int, TaskRecord]()
    for version in (1, 2, 3):
        for _ in range(version):
            records[version] = trial.record(owner, f"t{version}")
            handle.put(records[version])
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
