"""STORE-6: deleting tasks."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import between_read_and_write, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_absent, expect_returns, expect_stored
from pmcp_storage import TaskStatus


@rule("STORE-6")
def deletion(trial: Trial) -> None:
    """delete returns True for a task, whatever its status, and False from then on, also where
    somebody else deletes it in the meantime; another owner's task stays.

    Why: A delete that goes by the id alone lets any user remove another's task. One that spares
    working tasks leaves an owner no way to get rid of a stuck one.

    Real bug: Appwrite's endpoint that deletes a session of a given user did not verify that the
    session belongs to that user. (https://github.com/appwrite/appwrite/issues/12799)

    Mend: Delete by owner and id together, whatever the status, and return what the backend says was
    removed; an expired or absent task is False, not an error.
    """
    bench = StoreBench(trial)
    owner, other = trial.owner(), trial.owner()
    store = bench.store()
    theirs = seed_task(trial, other)
    for status in TaskStatus:
        expect_returns(False, store.delete, owner, "task")
        seed_task(trial, owner, status=status)
        expect_returns(True, store.delete, owner, "task")
        expect_absent(trial, owner, "task")
        expect_returns(False, store.delete, owner, "task")
    seed_task(trial, owner)
    between_read_and_write(bench, partial(trial.backend.delete, owner, "task"))
    expect_returns(False, store.delete, owner, "task")
    expect_stored(trial, theirs, 1)
