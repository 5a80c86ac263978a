"""The errors of the store: where they come from, and what they show."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

import pmcp_storage
from pmcp_storage import (
    AlreadyExistsError,
    BackendError,
    ConcurrentModificationError,
    CorruptRecordError,
    GenericTaskStore,
    InMemoryBackend,
    InvalidArgumentError,
    InvalidCursorError,
    InvalidTransitionError,
    InvalidTtlError,
    InvalidVariablesError,
    MemoryStorage,
    NotFoundError,
    OutcomeUnknownError,
    RecordTooLargeError,
    StorageError,
    StorageFullError,
    StoreConfig,
    TaskAlreadyExistsError,
    TaskBackendError,
    TaskConflictError,
    TaskError,
    TaskNotFoundError,
    TaskOutcomeUnknownError,
    TaskQuotaError,
    TaskStatus,
    TaskStorageFullError,
    TaskTooLargeError,
)
from pmcp_storage.backends.memory import Row
from support.store_support import CountingBackend, FailingBackend

SECRET = "secret-7f3a"


@pytest.mark.parametrize(
    ("below", "above", "code"),
    [
        (StorageFullError("full"), TaskStorageFullError, -32603),
        (RecordTooLargeError(5, 4), TaskTooLargeError, -32602),
        (OutcomeUnknownError("lost"), TaskOutcomeUnknownError, -32603),
        (BackendError("down"), TaskBackendError, -32603),
        (CorruptRecordError("o", "t", "torn"), TaskBackendError, -32603),
        (ConcurrentModificationError("o", "t", 1, 7), TaskConflictError, -32603),
        (AlreadyExistsError("o", "t"), TaskAlreadyExistsError, -32602),
        (NotFoundError("o", "t"), TaskNotFoundError, -32602),
        (StorageError("odd"), TaskBackendError, -32603),
    ],
)
def test_errors_of_the_storage_become_errors_of_the_store(
    below: StorageError, above: type[TaskError], code: int
) -> None:
    store = GenericTaskStore(FailingBackend(below))
    with pytest.raises(above) as error:
        store.create("o", "tools/call")
    assert error.value.__cause__ is below
    assert (type(error.value), error.value.code) == (above, code)


def test_a_task_that_cannot_be_read_can_be_deleted() -> None:
    storage = MemoryStorage()
    with storage.lock:
        storage.write(("o", "t"), Row("not a record", 1, None))
    store = GenericTaskStore(InMemoryBackend(storage))
    with pytest.raises(TaskBackendError, match="cannot be read"):
        store.list("o")
    assert store.delete("o", "t") is True
    assert store.list("o").tasks == []


ERRORS = [
    (TaskNotFoundError("o", "t"), -32602),
    (TaskAlreadyExistsError("o", "t"), -32602),
    (InvalidTransitionError("t", "completed", "working", ()), -32602),
    (pmcp_storage.TaskEndedError("t", "failed"), -32602),
    (pmcp_storage.TaskNotReadyError("t", "working"), -32602),
    (pmcp_storage.NoResultError("t", "failed"), -32602),
    (TaskTooLargeError(5, None), -32602),
    (InvalidCursorError(), -32602),
    (InvalidTtlError(0, 5), -32602),
    (InvalidVariablesError('variables["a"]', "too deep"), -32602),
    (pmcp_storage.AnonymousOwnerError("local"), -32602),
    (InvalidArgumentError("limit", "must be an int"), -32602),
    (TaskConflictError("o", "t", 1, 2), -32603),
    (TaskQuotaError("o", 5), -32603),
    (TaskStorageFullError("full"), -32603),
    (TaskBackendError("down"), -32603),
    (TaskOutcomeUnknownError("lost"), -32603),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_task_errors_survive_pickle_and_copy_with_their_attributes(
    error: TaskError, code: int
) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(twin), twin.args, vars(twin)) == (type(error), error.args, vars(error))
        assert str(twin) == str(error) != ""
    assert error.code == code


def test_every_kind_of_task_error_is_tested_here() -> None:
    kinds = {value for value in vars(pmcp_storage).values() if isinstance(value, type)}
    task_errors = {kind for kind in kinds if issubclass(kind, TaskError)} - {TaskError}
    assert task_errors == {type(error) for error, _ in ERRORS}


def test_no_error_shows_variables_or_the_result(backend: CountingBackend) -> None:
    store = GenericTaskStore(backend, StoreConfig(max_record_bytes=2_000, max_string_bytes=50))
    task_id = store.create("o", "tools/call", variables={"a": SECRET}).record.task_id
    calls: list[Callable[[], object]] = [
        lambda: store.set_variables("o", task_id, {"a": SECRET * 10}),
        lambda: store.set_variables("o", task_id, {"a": [SECRET, {1}]}),
        lambda: store.set_result("o", task_id, SECRET * 200),
        lambda: store.set_result("o", task_id, [SECRET, {1}]),
        lambda: store.get_result("o", task_id),
        lambda: store.create("o", "tools/call", task_id=task_id, variables={"a": SECRET}),
        lambda: store.update_status("o", task_id, TaskStatus.WORKING),
    ]
    for call in calls:
        with pytest.raises(TaskError) as error:
            call()
        assert SECRET not in f"{error.value} {error.value!r} {error.value.args}"
