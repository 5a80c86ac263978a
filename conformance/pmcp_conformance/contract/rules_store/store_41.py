"""STORE-41: change, where the answer to its write is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import expect_same, seed_task
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.expectations import expect_raises
from pmcp_storage import (
    BackendError,
    GenericTaskStore,
    OutcomeUnknownError,
    TaskChange,
    TaskOutcomeUnknownError,
    TaskRecord,
)

LOST = OutcomeUnknownError("the answer was lost")

Act = Callable[[GenericTaskStore, str], object]


@dataclass(frozen=True)
class Loss:
    """A write whose answer is lost: whether it is made, and what others do before the next read."""

    what: str
    made: bool
    meanwhile: tuple[Act, ...] = ()
    can_be_known: bool = True


def note(store: GenericTaskStore, owner: str) -> object:
    """Write another variable, by another operation."""
    return store.set_variables(owner, "task", {"note": 1})


def change_otherwise(store: GenericTaskStore, owner: str) -> object:
    """Change another variable, by change."""
    return store.change(owner, "task", lambda task: TaskChange(variables={"other": 1}))


LOSSES = [
    Loss("it was made", made=True),
    Loss("it was not made", made=False),
    Loss("it was made, and others wrote", made=True, meanwhile=(note, note)),
    Loss("it was not made, and another changed it", made=False, meanwhile=(change_otherwise,)),
    Loss(
        "it was made, and another changed it",
        made=True,
        meanwhile=(change_otherwise,),
        can_be_known=False,
    ),
    Loss(
        "it was not made, and others changed it",
        made=False,
        meanwhile=(change_otherwise, change_otherwise),
        can_be_known=False,
    ),
]


@rule("STORE-41", facts=("keeps_unknown_fields",), since="1.2")
def nothing_applied_twice(trial: Trial) -> None:
    """Where the answer to its write was lost, change finds out whether it was made and makes it
    once, whatever others do meanwhile; what it cannot find out raises TaskOutcomeUnknownError.

    Why: An answer gets lost when a connection breaks, which is when everybody retries. A change
    that is applied twice counts a payment twice; one that is taken for made and was not loses a
    result.

    Mend: Leave a mark, fresh for each call, in what is written. After OutcomeUnknownError read, and
    write again only where the record shows that the first write was not made.
    """
    bench = StoreBench(trial)
    for _, store in bench.both():
        for loss in LOSSES:
            expect_counted_once(trial, bench, store, loss)
        expect_own_recognized(trial, bench, store)
        expect_unknown(trial, bench, store)


def expect_counted_once(
    trial: Trial, bench: StoreBench, store: GenericTaskStore, loss: Loss
) -> None:
    """A counter goes to 1, or the outcome is unknown and it is what the lost write made it."""
    owner = trial.owner()
    seed_task(trial, owner, variables={"n": 0})
    found = bench.store()
    lose_answer(bench, loss.made, [partial(act, found, owner) for act in loss.meanwhile])
    try:
        made = store.change(owner, "task", counted)
    except TaskOutcomeUnknownError as error:
        if loss.can_be_known:
            raise Violation(f"a counter at 1: {loss.what}", f"raised {error!r}") from error
        n = found.get(owner, "task").record.variables["n"]
        expect_same(f"counter after an unknown outcome: {loss.what}", int(loss.made), n)
        return
    stored = found.get(owner, "task")
    expect_same(f"counter: {loss.what}", 1, stored.record.variables["n"])
    expect_same(f"the answer: {loss.what}", stored, made)


def expect_own_recognized(trial: Trial, bench: StoreBench, store: GenericTaskStore) -> None:
    """Where nothing else shows it, decide recognizes its own change."""
    owner = trial.owner()
    seed_task(trial, owner, variables={})
    lose_answer(bench, True, [lambda: change_otherwise(bench.store(), owner)])
    made = store.change(
        owner,
        "task",
        lambda task: None if "mine" in task.variables else TaskChange(variables={"mine": 1}),
    )
    expect_same("variables", {"mine": 1, "other": 1}, made.record.variables)


def expect_unknown(trial: Trial, bench: StoreBench, store: GenericTaskStore) -> None:
    """Where the task is gone, or cannot be read, the outcome is unknown."""
    owner = trial.owner()
    seed_task(trial, owner, variables={"n": 0})

    def fail_reads() -> None:
        bench.backend.failures["get"] = BackendError("down")

    for act in (fail_reads, lambda: trial.backend.delete(owner, "task")):
        lose_answer(bench, True, [act])
        try:
            expect_raises(TaskOutcomeUnknownError, store.change, owner, "task", counted)
        finally:
            bench.backend.failures.clear()


def lose_answer(bench: StoreBench, made: bool, acts: list[Callable[[], object]]) -> None:
    """Lose the answer to the next write, and do these before the next read."""

    def before_loss() -> None:
        bench.backend.before_loss = None
        for act in acts:
            act()

    bench.backend.before_loss = before_loss
    lost = bench.backend.lost_answers if made else bench.backend.lost_requests
    lost["put_if_version"] = LOST


def counted(task: TaskRecord) -> TaskChange:
    """Count one more."""
    return TaskChange(variables={"n": task.variables["n"] + 1})
