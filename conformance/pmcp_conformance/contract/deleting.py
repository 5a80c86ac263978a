"""DEL: what deleting a record removes, and what it leaves."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.generators import corpus


@rule("DEL-1")
def delete_of_a_present_key(trial: Trial) -> None:
    """Deleting a present key returns True, and neither get nor a listing finds it any more."""
    owner = trial.owner()
    trial.seed_at(2, owner)
    other = trial.seed(owner, "other")
    trial.returns(True, trial.backend.delete, owner, "task")
    trial.absent(owner, "task")
    trial.lists(owner, other)


@rule("DEL-2")
def delete_of_an_absent_key(trial: Trial) -> None:
    """Deleting an absent key returns False and raises nothing, the second time as the first."""
    owner = trial.owner()
    trial.returns(False, trial.backend.delete, owner, "never written")
    trial.seed(owner)
    with trial.premise("DEL-1"):
        trial.returns(True, trial.backend.delete, owner, "task")
    for _ in range(2):
        trial.returns(False, trial.backend.delete, owner, "task")


@rule("DEL-3")
def delete_removes_exactly_its_key(trial: Trial) -> None:
    """A delete removes exactly its key: siblings whose ids share a prefix, and other owners'
    tasks, stay.
    """
    owner = trial.owner()
    ids = [odd.value for odd in corpus.SIBLINGS]
    siblings = {task_id: trial.seed(owner, task_id) for task_id in ids}
    others = [trial.seed(trial.owner()), trial.seed(trial.owner(f"{owner}{{}}"))]
    for task_id in ("task", "task1", "tas"):
        with trial.premise("DEL-1"):
            trial.returns(True, trial.backend.delete, owner, task_id)
        del siblings[task_id]
        trial.lists(owner, *siblings.values())
        for record in (*siblings.values(), *others):
            trial.holds(record, 1)


@rule("DEL-4")
def deleting_the_last_task(trial: Trial) -> None:
    """Deleting the last task of an owner leaves an empty listing, and the owner can write again."""
    owner = trial.owner()
    trial.seed(owner)
    with trial.premise("DEL-1"):
        trial.returns(True, trial.backend.delete, owner, "task")
    trial.lists(owner)
    record = trial.record(owner, "next")
    trial.returns(1, trial.backend.create, record)
    trial.lists(owner, record)
    trial.returns(True, trial.backend.delete, owner, "next")
    trial.lists(owner)
