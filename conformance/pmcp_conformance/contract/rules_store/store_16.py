"""STORE-16: nobody learns of others tasks."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    ON_A_TASK,
    answer,
    expect_same,
    expired,
    seeded,
)
from pmcp_conformance.engine.expectations import expect_raises, expect_stored
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import TaskNotFoundError


@rule("STORE-16")
def nobody_learns_of_others_tasks(trial: Trial) -> None:
    """Another owner's task, an expired and an absent one look the same to every operation: the same
    error, text and requests.
    """
    bench = StoreBench(trial)
    owner, other, store = trial.owner(), trial.owner(), bench.store()

    def answers() -> dict[str, object]:
        return {name: answer(bench, call, store, owner) for name, call in ON_A_TASK.items()}

    absent = answers()
    theirs = seeded(trial, other, status=COMPLETED, result=1)
    foreign = answers()
    expired(trial, owner, status=COMPLETED, result=1)
    gone = answers()
    for name, told in absent.items():
        expect_same(f"{name} of another owner's task", told, foreign[name])
        expect_same(f"{name} of an expired task", told, gone[name])
        if name != "delete":
            error = expect_raises(TaskNotFoundError, ON_A_TASK[name], store, owner, "task")
            expect_same("the error's facts", (owner, "task"), (error.owner_id, error.task_id))
    expect_stored(trial, theirs, 1)
