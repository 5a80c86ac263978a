"""STORE: changes at the same time, and the store for event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.store import CHANGES, COMPLETED, INPUT, same, seeded
from pmcp_conformance.engine.attempt import Attempt, explained
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Violation
from pmcp_conformance.interleaving.simultaneous import together
from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    InvalidTransitionError,
    StoreConfig,
    TaskConflictError,
    TaskEndedError,
    TaskError,
    TaskNotFoundError,
    TaskOutcomeUnknownError,
    VersionedRecord,
)

THREADS = 16
_ATTEMPTS = 1_000
_TOGETHER_WITHIN = 30.0
"""Seconds by which all threads have read."""


def once(trial: Trial, act: Callable[[], object]) -> None:
    """Do this between the next read and what follows it."""

    def after_get() -> None:
        trial.below.after_get = None
        act()

    trial.below.after_get = after_get


@rule("STORE-29")
def others_in_between(trial: Trial) -> None:
    """What somebody else does between a change's reading and its writing stays: a write raises
    TaskConflictError with both versions, a delete TaskNotFoundError.
    """
    owner, store = trial.owner(), trial.store()
    for name, change in CHANGES.items():
        seeded(trial, owner, name)
        theirs = trial.record(owner, name)
        once(trial, partial(trial.backend.put_if_version, theirs, 1))
        trial.raises(TaskConflictError(owner, name, 1, 2), change, store, owner, name)
        trial.holds(theirs, 2)
        once(trial, partial(trial.backend.delete, owner, name))
        trial.raises(TaskNotFoundError(owner, name), change, store, owner, name)
        trial.absent(owner, name)


@rule("STORE-30")
def nothing_is_lost(trial: Trial) -> None:
    """Of the changes that 16 threads make at once, none that was acknowledged is lost, each is one
    version, and none follows a cancellation.
    """
    owner, store = trial.owner(), trial.store()
    seeded(trial, owner, variables={})
    names = [f"thread {number}" for number in range(THREADS - 4)]
    changes: list[Callable[[], VersionedRecord]] = [
        *(partial(store.set_variables, owner, "task", {name: 1}) for name in names),
        *[partial(store.update_status, owner, "task", INPUT)] * 3,
        partial(store.cancel, owner, "task"),
    ]
    read_together(trial)
    attempts = together(trial.watch, [partial(insist, change) for change in changes])
    trial.below.after_get = None
    found = store.get(owner, "task")
    all_there(names, attempts, found)
    a_version_each(attempts, found.version)


def all_there(names: list[str], attempts: list[Attempt], found: VersionedRecord) -> None:
    """The variables that were acknowledged are stored, and nothing followed the cancellation."""
    *setting, ended = attempts[: len(names)] + attempts[-1:]
    kept = {name for name, attempt in zip(names, setting, strict=True) if attempt.error is None}
    if lost := sorted(kept - found.record.variables.keys()):
        told = f"{lost} are lost"
        raise Violation("all variables that were acknowledged", told, explained(attempts))
    if ended.error is None and ended.result.version < found.version:
        told = f"version {found.version} after a cancellation at {ended.result.version}"
        raise Violation("no change after the cancellation", told, explained(attempts))


def a_version_each(attempts: list[Attempt], reached: int) -> None:
    """Each acknowledged change made one version; of the unknown ones each may have made one."""
    versions, unknown = sorted_out(attempts)
    unexplained = reached - 1 - len(versions)
    if len(set(versions)) < len(versions) or not 0 <= unexplained <= unknown:
        told = f"version {reached} after the versions {sorted(versions)}, {unknown} unknown"
        raise Violation("a version for each acknowledged change", told, explained(attempts))


def insist(change: Callable[[], VersionedRecord]) -> VersionedRecord:
    """Do it again for as long as somebody else was faster."""
    for _ in range(_ATTEMPTS):
        try:
            return change()
        except TaskConflictError:
            continue
    raise Violation("progress under contention", f"{_ATTEMPTS} conflicts")


def read_together(trial: Trial) -> None:
    """Hold the first read of each thread until all have read: they then know the same version."""
    barrier, reads = threading.Barrier(THREADS), count()

    def after_get() -> None:
        if next(reads) < THREADS:
            barrier.wait(_TOGETHER_WITHIN)

    trial.below.after_get = after_get


def sorted_out(attempts: list[Attempt]) -> tuple[list[int], int]:
    """The versions that were acknowledged, and how many changes nobody knows about."""
    refusals = (InvalidTransitionError, TaskEndedError)
    unknown = 0
    for attempt in attempts:
        if isinstance(attempt.error, TaskOutcomeUnknownError):
            unknown += 1
        elif attempt.error is not None and not isinstance(attempt.error, refusals):
            raise Violation("a change or a refusal", str(attempt), explained(attempts))
    return [attempt.result.version for attempt in attempts if attempt.error is None], unknown


Step = Callable[[Any, str], Any]

LIFE: list[tuple[str, Step]] = [
    ("create", lambda store, owner: store.create(owner, "tools/call", task_id="b")),
    ("create", lambda store, owner: store.create(owner, "tools/call", task_id="a")),
    ("create again", lambda store, owner: store.create(owner, "tools/call", task_id="a")),
    ("update_status", lambda store, owner: store.update_status(owner, "a", INPUT, "name?")),
    ("a wrong status", lambda store, owner: store.update_status(owner, "a", INPUT)),
    ("set_variables", lambda store, owner: store.set_variables(owner, "a", {"x": [1], "y": None})),
    ("wrong variables", lambda store, owner: store.set_variables(owner, "a", {"x": {1}})),
    ("set_result", lambda store, owner: store.set_result(owner, "a", [0])),
    ("get_result", lambda store, owner: store.get_result(owner, "a")),
    ("complete", lambda store, owner: store.complete_with_result(owner, "a", COMPLETED, [1])),
    ("get_result", lambda store, owner: store.get_result(owner, "a")),
    ("cancel", lambda store, owner: store.cancel(owner, "b")),
    ("get", lambda store, owner: store.get(owner, "b")),
    ("get nothing", lambda store, owner: store.get(owner, "c")),
    ("list", lambda store, owner: store.list(owner, limit=1)),
    ("a wrong cursor", lambda store, owner: store.list(owner, cursor="made up")),
    ("delete", lambda store, owner: store.delete(owner, "b")),
    ("delete again", lambda store, owner: store.delete(owner, "b")),
    ("no owner", lambda store, owner: store.get("", "a")),
]
"""A task's life, in which most operations succeed and fail once."""


@rule("STORE-31")
def the_store_for_event_loops(trial: Trial) -> None:
    """AsyncTaskStore over the backend, in the threads of an event loop, gives the answers that
    GenericTaskStore gives.
    """
    blocking, awaited = trial.owner(), trial.owner()
    store = trial.store()
    waiting = AsyncTaskStore(trial.below, StoreConfig(max_tasks_per_owner=None))

    async def live() -> list[object]:
        return [await async_told(call, waiting, awaited) for _, call in LIFE]

    others = asyncio.run(live())
    for (name, call), other in zip(LIFE, others, strict=True):
        same(trial, f"{name} by AsyncTaskStore", told(call, store, blocking), other)


def told(call: Step, store: GenericTaskStore, owner: str) -> object:
    """The answer without what differs from run to run: owners, times and cursors."""
    try:
        return essence(call(store, owner))
    except TaskError as error:
        return type(error), error.code


async def async_told(call: Step, store: AsyncTaskStore, owner: str) -> object:
    try:
        return essence(await call(store, owner))
    except TaskError as error:
        return type(error), error.code


def essence(answer: Any) -> object:
    if isinstance(answer, VersionedRecord):
        record = answer.record
        task = (record.task_id, record.status, record.task.status_message, record.task.ttl)
        return answer.version, task, record.variables, record.result
    if hasattr(answer, "next_cursor"):
        return [essence(found) for found in answer.tasks], answer.next_cursor is None
    return answer
