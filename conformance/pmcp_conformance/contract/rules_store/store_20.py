"""STORE-20: errors for protocols."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import FAILED, expect_same, seeded
from pmcp_conformance.engine.expectations import expect_raises
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    AlreadyExistsError,
    AnonymousOwnerError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    InvalidArgumentError,
    InvalidCursorError,
    InvalidTransitionError,
    InvalidTtlError,
    InvalidVariablesError,
    NoResultError,
    NotFoundError,
    OutcomeUnknownError,
    StorageError,
    StorageFullError,
    TaskAlreadyExistsError,
    TaskBackendError,
    TaskConflictError,
    TaskEndedError,
    TaskError,
    TaskNotFoundError,
    TaskNotReadyError,
    TaskOutcomeUnknownError,
    TaskQuotaError,
    TaskStorageFullError,
    TaskTooLargeError,
)


@rule("STORE-20")
def errors_for_protocols(trial: Trial) -> None:
    """A TaskError carries -32602 for the caller's mistake and -32603 for a failure, survives
    pickle, and has the StorageError behind it as its __cause__.
    """
    bench = StoreBench(trial)
    for expected, cause, code, call in provocations(trial, bench, trial.owner()):
        bench.backend.after_get = None
        error = expect_raises(expected, call)
        told = f"kind, code and cause of {expected.__name__}"
        behind = type(error.__cause__) if cause or error.__cause__ else None
        expect_same(told, (expected, code, cause), (type(error), error.code, behind))
        twin = pickle.loads(pickle.dumps(error))
        facts = (type(twin), twin.args, vars(twin), str(twin), twin.code)
        whole = (type(error), error.args, vars(error), str(error), error.code)
        expect_same(f"{expected.__name__} after pickle", whole, facts)


Provocation = tuple[type[TaskError], type[StorageError] | None, int, Callable[[], object]]


def provocations(trial: Trial, bench: StoreBench, owner: str) -> list[Provocation]:
    """For each kind of error its cause, its code and a call that provokes it."""
    store, strict = bench.store(), bench.store(max_record_bytes=1_000, max_string_bytes=20)
    seeded(trial, owner)
    seeded(trial, owner, "ended", status=FAILED)

    def failing(error: StorageError | None) -> object:
        def act() -> None:
            if error is not None:
                raise error
            bench.backend.after_get = None
            trial.backend.put(trial.record(owner))

        bench.backend.after_get = act
        return store.cancel(owner, "task")

    def create(**arguments: Any) -> object:
        return store.create(owner, "tools/call", **arguments)

    mine, theirs = -32602, -32603
    return [
        (TaskNotFoundError, NotFoundError, mine, lambda: store.get(owner, "absent")),
        (TaskAlreadyExistsError, AlreadyExistsError, mine, lambda: create(task_id="task")),
        (InvalidTransitionError, None, mine, lambda: store.cancel(owner, "ended")),
        (TaskEndedError, None, mine, lambda: store.set_result(owner, "ended", 1)),
        (TaskNotReadyError, None, mine, lambda: store.get_result(owner, "task")),
        (NoResultError, None, mine, lambda: store.get_result(owner, "ended")),
        (TaskTooLargeError, None, mine, lambda: strict.set_result(owner, "task", "x" * 1_000)),
        (InvalidCursorError, None, mine, lambda: store.list(owner, cursor="made up")),
        (InvalidTtlError, None, mine, lambda: create(ttl_ms=0)),
        (InvalidVariablesError, None, mine, lambda: create(variables={"a": {1}})),
        (AnonymousOwnerError, None, mine, lambda: store.get("", "task")),
        (InvalidArgumentError, None, mine, lambda: store.list(owner, limit=0)),
        (
            TaskQuotaError,
            None,
            theirs,
            lambda: bench.store(max_tasks_per_owner=1).create(owner, "tools/call"),
        ),
        (TaskBackendError, BackendError, theirs, lambda: failing(BackendError("down"))),
        (
            TaskBackendError,
            CorruptRecordError,
            theirs,
            lambda: failing(CorruptRecordError(owner, "task", "torn")),
        ),
        (
            TaskOutcomeUnknownError,
            OutcomeUnknownError,
            theirs,
            lambda: failing(OutcomeUnknownError("lost")),
        ),
        (
            TaskStorageFullError,
            StorageFullError,
            theirs,
            lambda: failing(StorageFullError("full")),
        ),
        (TaskConflictError, ConcurrentModificationError, theirs, lambda: failing(None)),
    ]
