"""LIST-3: what the entries of a listing are."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect, expect_entry, expect_returns


@rule("LIST-3")
def entries_equal_get(trial: Trial) -> None:
    """Every entry equals what get returns: the record and its version.

    Why: The store decides on what a listing shows. A stale version makes a change based on it fail;
    missing variables, written back, are lost for good.

    Real bug: laravel-dynamodb saved models with PutItem: fields that an index with a limited
    projection had not returned were removed from the item on update.
    (https://github.com/baopham/laravel-dynamodb/issues/286)

    Mend: Build entries from the same columns and with the same code as get: no index with a
    projection, no version that was copied into the index on insert.
    """
    owner = trial.owner()
    for version in (1, 2, 3):
        trial.store_record_at(version, owner, f"t{version}")
    with premise("CAS-1"):
        expect_returns(4, trial.backend.put_if_version, trial.record(owner, "t3"), 3)
    entries = trial.backend.list_by_owner(owner)
    expect(len(entries) == 3, "three entries", f"{len(entries)}")
    for entry in entries:
        found = trial.backend.get(owner, entry.record.task_id)
        expect_entry(entry, found.record, found.version)
    later_pages_are_current(trial)


def later_pages_are_current(trial: Trial) -> None:
    """The same of a page that is asked for after a change, though the page before it was not."""
    owner = trial.owner()
    for number in range(5):
        trial.store_record(owner, f"t{number}")
    first = trial.backend.list_by_owner(owner, limit=2)
    with premise("PUT-2"):
        trial.backend.put(changed := trial.record(owner, "t2"))
    with premise("DEL-1"):
        trial.backend.delete(owner, "t1")
    page = trial.backend.list_by_owner(owner, limit=2, after=first[-1].record.task_id)
    found = [entry.record.task_id for entry in page]
    expect(found == ["t2", "t0"], "t2 and t0 on the second page, since t1 is deleted", short(found))
    expect_entry(page[0], changed, 2)
