"""STORE-29: another's write or delete between a change's read and its write."""

from __future__ import annotations

from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    CHANGES,
    between_read_and_write,
    expect_same,
    seed_task,
)
from pmcp_conformance.engine.attempt import Attempt, explained
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_absent, expect_raises, expect_stored
from pmcp_conformance.interleaving.exploration import at_each_yield_point, noting_when
from pmcp_conformance.interleaving.two_calls import cross
from pmcp_conformance.interleaving.yield_points import YieldPoint, YieldPointKind
from pmcp_storage import TaskConflictError, TaskNotFoundError, VersionedRecord

ORDINALS = ("first", "second")
"""The variables that two changes set."""

_SECONDS = 0.4
"""For the lines at which another change comes in, where an operation takes milliseconds."""


@rule("STORE-29")
def others_in_between(trial: Trial) -> None:
    """What somebody else does between the read and the write of a change is kept: another's write
    makes the change raise TaskConflictError with both versions, another's delete TaskNotFoundError.

    Why: The caller decided on a state that no longer holds. Repeating its change unasked completes
    a task that was cancelled meanwhile, or brings back one that its owner has deleted.

    Real bug: In the Redis object mapper rom, saving an object that another process had deleted
    wrote an incomplete one back, and later reads of it raised an exception.
    (https://github.com/josiahcarlson/rom/issues/73)

    Mend: Write each change by put_if_version with the version just read. Let
    ConcurrentModificationError become TaskConflictError with both versions and NotFoundError
    TaskNotFoundError: no retry, no put, no create.
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
    expect_changes_apart(trial, bench, owner)
    expect_tasks_apart(trial, bench, owner)


def expect_changes_apart(trial: Trial, bench: StoreBench, owner: str) -> None:
    """Another change of the task by the same store is kept, at whichever of the store's lines it
    comes in; what the store is over decides nothing here."""
    store = bench.store_in_memory()

    def meet_at(at: YieldPoint) -> bool:
        name = f"task {at.number}"
        store.create(owner, "tools/call", task_id=name)
        one, other = (partial(store.set_variables, owner, name, {key: 1}) for key in ORDINALS)
        crossing = cross(store, one, other, at)
        with noting_when(f"when the second came in at {crossing.where}", crossing.where):
            expect_both_kept(store.get(owner, name), [crossing.first, crossing.second])
        return bool(crossing.where)

    at_each_yield_point(trial, meet_at, within=_SECONDS, kinds=[YieldPointKind.LINE])


def expect_both_kept(found: VersionedRecord, attempts: list[Attempt]) -> None:
    """Each of two changes is stored, or was refused because of the other one."""
    refused = [attempt.error for attempt in attempts if attempt.error is not None]
    made = [key for key, attempt in zip(ORDINALS, attempts, strict=True) if not attempt.error]
    conflicts = all(isinstance(error, TaskConflictError) for error in refused)
    if sorted(found.record.variables) != sorted(made) or len(refused) == 2 or not conflicts:
        expected = "both changes to be kept, or one and a TaskConflictError"
        raise Violation(expected, f"{sorted(found.record.variables)}", explained(attempts))


def expect_tasks_apart(trial: Trial, bench: StoreBench, owner: str) -> None:
    """A call for another task in between reaches that task, and the change its own."""
    store = bench.store()
    for name in ("one", "another"):
        seed_task(trial, owner, name, variables={})
    between_read_and_write(bench, partial(store.set_variables, owner, "another", {"b": 1}))
    store.set_variables(owner, "one", {"a": 1})
    found = [store.get(owner, name).record.variables for name in ("one", "another")]
    expect_same("the variables of both tasks", [{"a": 1}, {"b": 1}], found)
