"""STORE: whose tasks are whose, tasks that have expired, and what errors tell."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.store import (
    CHANGES,
    COMPLETED,
    FAILED,
    HOUR,
    WORKING,
    same,
    seeded,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    AlreadyExistsError,
    AnonymousOwnerError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    GenericTaskStore,
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
    TaskRecord,
    TaskStorageFullError,
    TaskTooLargeError,
)

Call = Callable[[GenericTaskStore, str, str], object]

ON_A_TASK: dict[str, Call] = {
    **CHANGES,
    "get": lambda store, owner, task: store.get(owner, task),
    "get_result": lambda store, owner, task: store.get_result(owner, task),
    "delete": lambda store, owner, task: store.delete(owner, task),
}
"""The operations on one task."""

OPERATIONS: dict[str, Call] = {
    **ON_A_TASK,
    "create": lambda store, owner, task: store.create(owner, "tools/call", task_id=task),
    "list": lambda store, owner, task: store.list(owner),
}
"""The operations for an owner."""


def expired(trial: Trial, owner: str, task_id: str = "task", **changes: Any) -> TaskRecord:
    """A task that expired an hour ago, which the storage may still hold."""
    return seeded(trial, owner, task_id, expires_at=datetime.now(UTC) - HOUR, **changes)


@rule("STORE-16")
def nobody_learns_of_others_tasks(trial: Trial) -> None:
    """Another owner's task, an expired and an absent one are the same to every operation: the same
    error, text and requests.
    """
    owner, other, store = trial.owner(), trial.owner(), trial.store()

    def answers() -> dict[str, object]:
        return {name: answer(trial, call, store, owner) for name, call in ON_A_TASK.items()}

    absent = answers()
    theirs = seeded(trial, other, status=COMPLETED, result=1)
    foreign = answers()
    expired(trial, owner, status=COMPLETED, result=1)
    gone = answers()
    for name, told in absent.items():
        same(trial, f"{name} of another owner's task", told, foreign[name])
        same(trial, f"{name} of an expired task", told, gone[name])
        if name != "delete":
            error = trial.raises(TaskNotFoundError, ON_A_TASK[name], store, owner, "task")
            same(trial, "the error's facts", (owner, "task"), (error.owner_id, error.task_id))
    trial.holds(theirs, 1)


def answer(trial: Trial, call: Call, store: GenericTaskStore, owner: str) -> object:
    """All that a caller can see: what came back and how many requests it took."""
    trial.below.requests.clear()
    told: object
    try:
        told = call(store, owner, "task")
    except TaskError as error:
        cause = error.__cause__
        told = (type(error), str(error), error.args, type(cause), str(cause))
    return told, dict(trial.below.requests)


@rule("STORE-17")
def the_expired_are_absent(trial: Trial) -> None:
    """A listing leaves expired tasks out and create takes the id of one, also while the storage
    holds it.
    """
    owner, store = trial.owner(), trial.store()
    for number in range(3):
        expired(trial, owner, f"{number} expired")
    live = store.create(owner, "tools/call")
    page = store.list(owner)
    same(trial, "the listing", [live], page.tasks)
    same(trial, "the next cursor", None, page.next_cursor)
    made = store.create(owner, "prompts/get", task_id="1 expired")
    trial.same_entry(store.get(owner, "1 expired"), made.record, made.version)
    same(trial, "status and method", (WORKING, "prompts/get"), facts(made.record))
    changed = store.set_variables(owner, "1 expired", {"a": 1})
    same(trial, "version after a change", made.version + 1, changed.version)
    trial.returns(True, store.delete, owner, "1 expired")


def facts(record: TaskRecord) -> tuple[object, str]:
    return record.status, record.request_method


@rule("STORE-18")
def nobodys_tasks(trial: Trial) -> None:
    """Every operation refuses the owners "" and "local" before any request, unless allow_anonymous
    makes them one owner.
    """
    store, task_id = trial.store(), uuid4().hex
    trial.below.requests.clear()
    for owner in ("", "local"):
        for call in OPERATIONS.values():
            trial.raises(AnonymousOwnerError(owner), call, store, owner, task_id)
    same(trial, "requests", {}, dict(trial.below.requests))
    # Nothing is written here: "local" may be somebody's owner in a storage that is shared.
    allowing = trial.store(allow_anonymous=True)
    for owner in ("", "local"):
        for name, call in ON_A_TASK.items():
            if name == "delete":
                trial.returns(False, call, allowing, owner, task_id)
            else:
                trial.raises(TaskNotFoundError("local", task_id), call, allowing, owner, task_id)


@rule("STORE-19")
def errors_show_no_payload(trial: Trial) -> None:
    """No error shows variables or a result: not its text, repr and args, nor the traceback with its
    causes.
    """
    owner = trial.owner()
    store = trial.store(max_record_bytes=2_000, max_string_bytes=50)
    secret = f"secret {uuid4().hex[:8]}"
    seeded(trial, owner, variables={"a": secret}, result=secret)
    seeded(trial, owner, "ended", status=FAILED, variables={"a": secret})
    calls: list[Callable[[], object]] = [
        lambda: store.set_variables(owner, "task", {"a": secret * 10}),
        lambda: store.set_variables(owner, "task", {"a": [secret, {1}]}),
        lambda: store.set_variables(owner, "ended", {"a": secret}),
        lambda: store.set_result(owner, "task", secret * 200),
        lambda: store.set_result(owner, "task", [secret, {1}]),
        lambda: store.complete_with_result(owner, "ended", COMPLETED, secret),
        lambda: store.get_result(owner, "task"),
        lambda: store.get_result(owner, "ended"),
        lambda: store.create(owner, "tools/call", task_id="task", variables={"a": secret}),
        lambda: store.create(owner, "tools/call", variables={"a": [[secret * 10]]}),
        lambda: store.update_status(owner, "task", WORKING),
        lambda: store.list(owner, cursor="made up"),
    ]
    for call in calls:
        error = trial.raises(TaskError, call)
        shown = f"{error} {error!r} {error.args} {''.join(traceback.format_exception(error))}"
        trial.expect(secret not in shown, "an error without the payload", type(error).__name__)


@rule("STORE-20")
def errors_for_protocols(trial: Trial) -> None:
    """A TaskError carries -32602 for a mistake of the caller's and -32603 for a failure, survives
    pickle, and has the StorageError behind it as its __cause__.
    """
    for expected, cause, code, call in provocations(trial, trial.owner()):
        trial.below.after_get = None
        error = trial.raises(expected, call)
        told = f"kind, code and cause of {expected.__name__}"
        behind = type(error.__cause__) if cause or error.__cause__ else None
        same(trial, told, (expected, code, cause), (type(error), error.code, behind))
        twin = pickle.loads(pickle.dumps(error))
        facts = (type(twin), twin.args, vars(twin), str(twin), twin.code)
        whole = (type(error), error.args, vars(error), str(error), error.code)
        same(trial, f"{expected.__name__} after pickle", whole, facts)


Provocation = tuple[type[TaskError], type[StorageError] | None, int, Callable[[], object]]


def provocations(trial: Trial, owner: str) -> list[Provocation]:
    """For each kind of error its cause, its code and a call that provokes it."""
    store, strict = trial.store(), trial.store(max_record_bytes=1_000, max_string_bytes=20)
    seeded(trial, owner)
    seeded(trial, owner, "ended", status=FAILED)

    def failing(error: StorageError | None) -> object:
        def act() -> None:
            if error is not None:
                raise error
            trial.below.after_get = None
            trial.backend.put(trial.record(owner))

        trial.below.after_get = act
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
            lambda: trial.store(max_tasks_per_owner=1).create(owner, "tools/call"),
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
