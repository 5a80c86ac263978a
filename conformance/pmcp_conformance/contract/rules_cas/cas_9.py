"""CAS-9: swap after a delete."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import expect_absent, expect_raises
from pmcp_storage import NotFoundError


@rule("CAS-9")
def swap_after_a_delete(trial: Trial) -> None:
    """put_if_version after a delete raises NotFoundError and does not bring the record back.

    Why: The owner deletes a task, a slow worker stores its outcome, and the task is back: in the
    list, in the quota, with data that should be gone.

    Real bug: CakePHP 2's save() turned into an INSERT when the row was deleted meanwhile, so that a
    deleted row reappeared with part of its columns missing.
    (https://github.com/cakephp/cakephp/issues/13322)

    Mend: Delete the row, or make the deletion mark part of every condition. Never fall back to an
    insert when an update hits nothing.
    """
    owner = trial.owner()
    trial.store_record_at(2, owner)
    with premise("DEL-1"):
        trial.backend.delete(owner, "task")
        expect_absent(trial, owner, "task")
    for expected in (1, 2, 3):
        expect_raises(
            NotFoundError(owner, "task"),
            trial.backend.put_if_version,
            trial.record(owner),
            expected,
        )
        expect_absent(trial, owner, "task")
