"""STORE-38: change keeps the rules that the other changes keep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    CANCELLED,
    COMPLETED,
    ENDED,
    INPUT,
    WORKING,
    expect_same,
    seed_expired_task,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises, expect_stored
from pmcp_storage import (
    GenericTaskStore,
    InvalidArgumentError,
    InvalidTransitionError,
    InvalidVariablesError,
    TaskChange,
    TaskEndedError,
    TaskError,
    TaskNotFoundError,
    TaskStatus,
    TaskTooLargeError,
)

FOLLOWING: dict[TaskStatus, tuple[TaskStatus, ...]] = {
    WORKING: (INPUT, *ENDED),
    INPUT: (WORKING, *ENDED),
}
"""The state machine: what can follow a status; nothing follows one that has ended."""

LIMITS: dict[str, int] = {
    "max_variable_depth": 3,
    "max_string_bytes": 100,
    "max_record_bytes": 2_000,
}

UNACCEPTABLE: list[tuple[type[TaskError], Any]] = [
    (InvalidVariablesError, TaskChange(variables={"a": [[[1]]]})),
    (InvalidVariablesError, TaskChange(variables={"a": "x" * 101})),
    (InvalidVariablesError, TaskChange(variables={"a": {1}})),
    (TaskTooLargeError, TaskChange(result="x" * 2_000)),
    (TaskTooLargeError, TaskChange(message="x" * 2_000)),
    (TaskTooLargeError, TaskChange(status=COMPLETED, result="x" * 2_000)),
    (TaskTooLargeError, TaskChange(variables={f"{n}": "x" * 99 for n in range(20)})),
    (InvalidArgumentError, TaskChange(result={1})),
    (InvalidArgumentError, TaskChange(message="\ud800")),
    (InvalidArgumentError, TaskChange(status="paused")),  # type: ignore[arg-type]
    (InvalidArgumentError, {"message": "no TaskChange"}),
]
"""What decide may return in vain, and the error."""


@rule("STORE-38", since="1.2")
def rules_of_a_change(trial: Trial) -> None:
    """change keeps the state machine and all limits, refuses the change of a task that has ended,
    and finds no absent, expired or other owner's task; what is refused changes nothing.

    Why: A second way to change a task that is laxer than the first lets a finished task go on, and
    lets variables in that the listing then fails at.

    Mend: Let change check what it writes by the same functions as the other changes, on the record
    that decide was shown.
    """
    bench = StoreBench(trial)
    for _, store in bench.both(**LIMITS):
        for status in TaskStatus:
            for following in TaskStatus:
                expect_step(trial, store, status, following)
            if status in ENDED:
                expect_final(trial, store, status)
        for kind, wanted in UNACCEPTABLE:
            expect_refused(trial, store, kind, partial(returning, wanted))
        expect_room_to_cancel(trial, store)
        expect_not_found(trial, bench, store)


def expect_step(
    trial: Trial, store: GenericTaskStore, status: TaskStatus, following: TaskStatus
) -> None:
    """The status can follow, or InvalidTransitionError names both."""
    if following not in FOLLOWING.get(status, ()):
        expect_refused(
            trial,
            store,
            InvalidTransitionError,
            partial(returning, TaskChange(status=following, message="a", variables={"a": 1})),
            status,
        )
        return
    before = seed_task(trial, trial.owner(), status=status)
    made = store.change(before.owner_id, "task", lambda task: TaskChange(status=following))
    expect_same(f"status after {status}", following, made.record.status)


def expect_final(trial: Trial, store: GenericTaskStore, status: TaskStatus) -> None:
    """A task that has ended takes no message, variables or result."""
    for change in (TaskChange(message="a"), TaskChange(variables={"a": 1}), TaskChange(result=1)):
        expect_refused(trial, store, TaskEndedError, partial(returning, change), status)


def expect_refused(
    trial: Trial,
    store: GenericTaskStore,
    kind: type[TaskError],
    decide: Callable[[object], Any],
    status: TaskStatus = WORKING,
) -> None:
    """The change raises the error and leaves the task as it was."""
    before = seed_task(trial, trial.owner(), status=status, result="x")
    expect_raises(kind, store.change, before.owner_id, "task", decide)
    expect_stored(trial, before, 1)


def expect_room_to_cancel(trial: Trial, store: GenericTaskStore) -> None:
    """A task that is over the limit can still be cancelled."""
    before = seed_task(trial, trial.owner(), result="x" * 2_000)
    made = store.change(before.owner_id, "task", lambda task: TaskChange(status=CANCELLED))
    expect_same("status of a full task", CANCELLED, made.record.status)


def expect_not_found(trial: Trial, bench: StoreBench, store: GenericTaskStore) -> None:
    """For an absent, an expired and another's task: one error, the same requests, no decision."""
    owner = trial.owner()
    seed_expired_task(trial, owner, "expired")
    theirs = seed_task(trial, trial.owner(), "theirs")
    shown: list[object] = []
    for task_id in ("absent", "expired", "theirs"):
        bench.backend.requests.clear()
        expect_raises(TaskNotFoundError(owner, task_id), store.change, owner, task_id, shown.append)
        expect_same("requests", {"get": 1}, dict(bench.backend.requests))
        expect_raises(TaskNotFoundError, store.report_progress, owner, task_id, "half")
    expect_same("what decide is shown", [], shown)
    expect_same("another's version", 1, trial.backend.get(theirs.owner_id, "theirs").version)


def returning(change: Any, task: object) -> Any:
    """Decide on this change, whatever the task."""
    return change
