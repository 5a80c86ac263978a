"""DEL: what deleting a record removes, and what it leaves."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import premise
from pmcp_conformance.expectations import (
    expect_absent,
    expect_listed,
    expect_returns,
    expect_stored,
)
from pmcp_conformance.generators import corpus


@rule("DEL-1")
def delete_of_a_present_key(trial: Trial) -> None:
    """Deleting a present key returns True, and neither get nor a listing finds it any longer."""
    owner = trial.owner()
    trial.store_record_at(2, owner)
    other = trial.store_record(owner, "other")
    expect_returns(True, trial.backend.delete, owner, "task")
    expect_absent(trial, owner, "task")
    expect_listed(trial, owner, other)


@rule("DEL-2")
def delete_of_an_absent_key(trial: Trial) -> None:
    """Deleting an absent key returns False and raises nothing, however often it is repeated."""
    owner = trial.owner()
    expect_returns(False, trial.backend.delete, owner, "never written")
    trial.store_record(owner)
    with premise("DEL-1"):
        expect_returns(True, trial.backend.delete, owner, "task")
    for _ in range(2):
        expect_returns(False, trial.backend.delete, owner, "task")


@rule("DEL-3")
def delete_removes_exactly_its_key(trial: Trial) -> None:
    """A delete removes exactly its key: siblings whose ids share a prefix, and other owners'
    tasks, stay.
    """
    owner = trial.owner()
    ids = [sample.value for sample in corpus.ids.SIBLINGS]
    siblings = {task_id: trial.store_record(owner, task_id) for task_id in ids}
    others = [trial.store_record(trial.owner()), trial.store_record(trial.owner(f"{owner}{{}}"))]
    for task_id in ("task", "task1", "tas"):
        with premise("DEL-1"):
            expect_returns(True, trial.backend.delete, owner, task_id)
        del siblings[task_id]
        expect_listed(trial, owner, *siblings.values())
        for record in (*siblings.values(), *others):
            expect_stored(trial, record, 1)


@rule("DEL-4")
def deleting_the_last_task(trial: Trial) -> None:
    """Deleting the last task of an owner leaves an empty listing, and the owner can write again."""
    owner = trial.owner()
    trial.store_record(owner)
    with premise("DEL-1"):
        expect_returns(True, trial.backend.delete, owner, "task")
    expect_listed(trial, owner)
    record = trial.record(owner, "next")
    expect_returns(1, trial.backend.create, record)
    expect_listed(trial, owner, record)
    expect_returns(True, trial.backend.delete, owner, "next")
    expect_listed(trial, owner)
