"""STORE-29: another's write or delete between a change's read and its write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import CHANGES, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_absent, expect_raises, expect_stored
from pmcp_storage import TaskConflictError, TaskNotFoundError


@rule("STORE-29")
def others_in_between(trial: Trial) -> None:
    """What somebody else does between the read and the write of a change is kept: another's write
    makes the change raise TaskConflictError with both versions, another's delete TaskNotFoundError.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    for name, change in CHANGES.items():
        seed_task(trial, owner, name)
        theirs = trial.record(owner, name)
        between_read_and_write(bench, partial(trial.backend.put_if_version, theirs, 1))
        expect_raises(TaskConflictError(owner, name, 1, 2), change, store, owner, name)
        expect_stored(trial, theirs, 2)
        between_read_and_write(bench, partial(trial.backend.delete, owner, name))
        expect_raises(TaskNotFoundError(owner, name), change, store, owner, name)
        expect_absent(trial, owner, name)


def between_read_and_write(bench: StoreBench, act: Callable[[], object]) -> None:
    """Have this done after the next read, before the write that follows it."""

    def after_get() -> None:
        bench.backend.after_get = None
        act()

    bench.backend.after_get = after_get
