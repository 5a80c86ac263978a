"""LIST-1: which records a listing holds."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.support import with_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed
from pmcp_storage import TaskRecord, TaskStatus


@rule("LIST-1")
def a_listing_is_complete_and_its_own(trial: Trial) -> None:
    """A listing holds every record of the owner and none of another owner.

    Why: A user sees another tenant's tasks, with their variables and results, or misses own tasks,
    which then look lost.

    Real bug: Elsa's in-memory workflow stores ignored the tenant that the database stores filter
    by, and returned every tenant's definitions, triggers and bookmarks.
    (https://github.com/elsa-workflows/elsa-core/pull/8100)

    Mend: Filter by owner in the query itself and make the owner the first part of every index. Do
    not filter by status or other fields, and do not use a partial index.
    """
    one, two = trial.owner(), trial.owner()
    records: dict[str, list[TaskRecord]] = {one: [], two: []}
    for number in range(6):
        owner = (one, two)[number % 2]
        records[owner].append(trial.store_record(owner, f"t{number}"))
    records[one].append(trial.store_record(one, "t1"))
    for status in TaskStatus:
        task = with_task(trial.record(one, status.value), status=status).task
        records[one].append(trial.store_record(one, status.value, task=task))
    for owner, expected in records.items():
        expect_listed(trial, owner, *expected)
