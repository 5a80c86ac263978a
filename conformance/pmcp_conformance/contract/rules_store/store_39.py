"""STORE-39: change, where others change the task between its read and its write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    between_read_and_write,
    expect_same,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_raises
from pmcp_storage import (
    GenericTaskStore,
    TaskChange,
    TaskConflictError,
    TaskEndedError,
    TaskNotFoundError,
    TaskRecord,
)

_ATTEMPTS = 100
"""How often a change may be overtaken before it has not given up."""


@rule("STORE-39", facts=("keeps_unknown_fields",), since="1.2")
def decided_anew(trial: Trial) -> None:
    """Where others change the task between read and write, change decides anew on what is stored
    then, so that both changes are kept; overtaken every time, it gives up with TaskConflictError.

    Why: A decision is right for the task that it was made on. Written over a newer one, it ends a
    task that has just asked a question, or drops what was answered meanwhile; repeated for ever, it
    holds its caller.

    Mend: On ConcurrentModificationError read again, call decide again and write what it returns
    then. Limit the attempts, and pause between them for random times.
    """
    bench = StoreBench(trial)
    for _, store in bench.both():
        expect_both_kept(trial, bench, store)
        expect_what_others_did(trial, bench, store)
    expect_an_end(trial, bench)


def expect_both_kept(trial: Trial, bench: StoreBench, store: GenericTaskStore) -> None:
    """A counter that another increments meanwhile has both increments; also if read before."""
    for is_known in (False, True):
        owner = trial.owner()
        seed_task(trial, owner, variables={"n": 0})
        known = store.get(owner, "task") if is_known else None
        overtake = partial(bench.store().change, owner, "task", incremented)
        if known is None:
            between_read_and_write(bench, overtake)
        else:
            overtake()
        made = store.change(owner, "task", incremented, known=known)
        expect_same("version and variables", (3, {"n": 2}), (made.version, made.record.variables))
        expect_same("the stored task", made, store.get(owner, "task"))


def expect_what_others_did(trial: Trial, bench: StoreBench, store: GenericTaskStore) -> None:
    """A task that ends or is deleted meanwhile is refused as one that was so from the start."""
    owner, other = trial.owner(), bench.store()
    acts: list[tuple[type[Exception], Callable[[], object]]] = [
        (TaskEndedError, lambda: other.complete_with_result(owner, "task", COMPLETED, 1)),
        (TaskNotFoundError, lambda: other.delete(owner, "task")),
    ]
    seed_task(trial, owner, variables={"n": 0})
    for kind, act in acts:
        if kind is TaskNotFoundError:
            trial.backend.put(trial.record(owner, "task", variables={"n": 0}))
        between_read_and_write(bench, act)
        expect_raises(kind, store.change, owner, "task", incremented)


def expect_an_end(trial: Trial, bench: StoreBench) -> None:
    """A change that is overtaken after every read gives up."""
    owner = trial.owner()
    seed_task(trial, owner, variables={"n": 0})

    def overtake() -> None:
        if bench.backend.requests["get"] > _ATTEMPTS:
            raise Violation("an end to the attempts", f"more than {_ATTEMPTS} attempts")
        trial.backend.put(trial.record(owner, "task", variables={"n": 0}))

    bench.backend.requests.clear()
    bench.backend.after_get = overtake
    try:
        expect_raises(TaskConflictError, bench.store().change, owner, "task", incremented)
    finally:
        bench.backend.after_get = None
    expect_same("variables", {"n": 0}, bench.store().get(owner, "task").record.variables)


def incremented(task: TaskRecord) -> TaskChange:
    """Count one more."""
    return TaskChange(variables={"n": task.variables["n"] + 1})
