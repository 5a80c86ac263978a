"""ERR-3: a listing with a row that is no record raises an error, until the row is deleted."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_err.support import expect_corrupt, plant_corrupt_rows
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_listed, expect_returns


@rule("ERR-3", back_doors=("plant",))
def corrupt_rows_in_listings(trial: Trial) -> None:
    """Such a row makes the listing raise CorruptRecordError naming the row, rather than leave it
    out; delete removes it.

    Why: A task that a listing passes over in silence looks deleted to its owner, and nobody repairs
    what nobody sees. A row that delete cannot remove either breaks every listing of that owner for
    ever.

    Real bug: A user of persist-queue had a queue whose first item could not be unpickled: every get
    raised UnpicklingError, the item could not be removed, and what remained was to wipe the queue.
    (https://github.com/peter-wangxu/persist-queue/issues/142)

    Mend: Let CorruptRecordError leave the listing, with the row's own task_id from the key column.
    Delete by key alone, without decoding the row first.
    """
    owner = trial.owner()
    sound = [trial.store_record(owner, task_id) for task_id in ("a", "z")]
    for _ in plant_corrupt_rows(trial, owner):
        for listing in (
            trial.backend.list_by_owner,
            lambda o: list(trial.backend.iter_by_owner(o)),
        ):
            expect_corrupt(trial, owner, listing, owner)
        expect_returns(True, trial.backend.delete, owner, "task")
        expect_listed(trial, owner, *sound)
