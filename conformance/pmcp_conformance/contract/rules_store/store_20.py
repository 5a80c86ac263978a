"""STORE-20: each kind of error: its code, its cause, and that it survives pickle."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    CHANGES,
    FAILED,
    OWNER_CALLS,
    expect_same,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises
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

INVALID_PARAMS = -32602
"""JSON-RPC's code for a mistake of the caller."""

INTERNAL_ERROR = -32603
"""JSON-RPC's code for a failure of the server."""

Provocation = tuple[type[TaskError], type[StorageError] | None, Callable[[], object]]
"""An error, the kind of its cause, and a call that raises it."""

REQUESTS: list[tuple[str, str]] = [
    *((name, request) for name in CHANGES for request in ("get", "put_if_version")),
    ("get", "get"),
    ("get_result", "get"),
    ("delete", "get"),
    ("delete", "delete"),
    ("create", "count_by_owner"),
    ("create", "create"),
    ("list", "list_by_owner"),
]
"""Each operation with each request that it sends, in their order."""


@rule("STORE-20")
def errors_for_protocols(trial: Trial) -> None:
    """A TaskError carries -32602 for the caller's mistake and -32603 for a failure, survives
    pickle, and has the StorageError behind it as its __cause__; an operation whose request has
    failed raises one.

    Why: Clients decide by the code: -32602 means correct the request, -32603 come back later. Mixed
    up, they repeat what can never succeed, or give up on a passing outage. Without the cause an
    operator sees nothing.

    Real bug: Spring AI's MCP support answered with INVALID_PARAMS (-32602) when a resource or
    prompt method failed by a runtime exception, which is an internal error.
    (https://github.com/spring-projects/spring-ai/issues/5812)

    Mend: Translate storage errors in one table, give each TaskError class its code, and raise it
    `from` the StorageError. Quota, conflict, full storage and outages are -32603. Pass to
    super().__init__ what the constructor takes.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    seed_task(trial, owner)
    seed_task(trial, owner, "to fail")
    seed_task(trial, owner, "ended", status=FAILED)
    for provocation in callers_mistakes(bench, owner):
        expect_task_error(provocation, INVALID_PARAMS)
    for provocation in failures(trial, bench, owner):
        expect_task_error(provocation, INTERNAL_ERROR)
    for name, operation in REQUESTS:
        failing = partial(call_while_failing, bench, owner, name, operation)
        expect_task_error((TaskBackendError, BackendError, failing), INTERNAL_ERROR)


def call_while_failing(bench: StoreBench, owner: str, name: str, operation: str) -> object:
    """Make a call to the store while requests of this kind fail."""
    bench.backend.failures[operation] = BackendError("down")
    try:
        return OWNER_CALLS[name](bench.store(max_tasks_per_owner=9), owner, "to fail")
    finally:
        bench.backend.failures.clear()


def expect_task_error(provocation: Provocation, code: int) -> None:
    """The call raises the error with its code and its cause, and the error survives pickle."""
    expected, cause, call = provocation
    error = expect_raises(expected, call)
    found = (type(error), error.code, type(error.__cause__) if error.__cause__ else None)
    expect_same(f"kind, code and cause of {expected.__name__}", (expected, code, cause), found)
    copy = pickle.loads(pickle.dumps(error))
    expect_same(f"{expected.__name__} after pickle", attributes_of(error), attributes_of(copy))


def attributes_of(error: TaskError) -> tuple[object, ...]:
    """All by which two errors can differ."""
    return type(error), error.args, vars(error), str(error), error.code


def callers_mistakes(bench: StoreBench, owner: str) -> list[Provocation]:
    """Calls that the caller can correct."""
    store = bench.store()
    strict = bench.store(max_record_bytes=1_000, max_string_bytes=20)

    def create(**arguments: Any) -> object:
        return store.create(owner, "tools/call", **arguments)

    return [
        (TaskNotFoundError, NotFoundError, lambda: store.get(owner, "absent")),
        (TaskAlreadyExistsError, AlreadyExistsError, lambda: create(task_id="task")),
        (InvalidTransitionError, None, lambda: store.cancel(owner, "ended")),
        (TaskEndedError, None, lambda: store.set_result(owner, "ended", 1)),
        (TaskNotReadyError, None, lambda: store.get_result(owner, "task")),
        (NoResultError, None, lambda: store.get_result(owner, "ended")),
        (TaskTooLargeError, None, lambda: strict.set_result(owner, "task", "x" * 1_000)),
        (InvalidCursorError, None, lambda: store.list(owner, cursor="made up")),
        (InvalidTtlError, None, lambda: create(ttl_ms=0)),
        (InvalidVariablesError, None, lambda: create(variables={"a": {1}})),
        (AnonymousOwnerError, None, lambda: store.get("", "task")),
        (InvalidArgumentError, None, lambda: store.list(owner, limit=0)),
    ]


def failures(trial: Trial, bench: StoreBench, owner: str) -> list[Provocation]:
    """Calls that fail however correct they are."""
    with_quota = bench.store(max_tasks_per_owner=1)
    storage_errors: dict[type[TaskError], list[StorageError]] = {
        TaskBackendError: [BackendError("down"), CorruptRecordError(owner, "task", "torn")],
        TaskOutcomeUnknownError: [OutcomeUnknownError("lost")],
        TaskStorageFullError: [StorageFullError("full")],
    }

    def raise_error(error: StorageError) -> None:
        raise error

    def overtake() -> None:
        bench.backend.after_get = None
        trial.backend.put(trial.record(owner))

    def cancel(after_get: Callable[[], object]) -> object:
        bench.backend.after_get = after_get
        return bench.store().cancel(owner, "task")

    return [
        (TaskQuotaError, None, lambda: with_quota.create(owner, "tools/call")),
        *(
            (expected, type(cause), partial(cancel, partial(raise_error, cause)))
            for expected, causes in storage_errors.items()
            for cause in causes
        ),
        (TaskConflictError, ConcurrentModificationError, lambda: cancel(overtake)),
    ]
