"""Statuses, variables and results of tasks in the store, and the end of a task."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pmcp_storage import (
    GenericTaskStore,
    InvalidArgumentError,
    InvalidTransitionError,
    NoResultError,
    TaskEndedError,
    TaskNotReadyError,
    TaskStatus,
)
from support.records import make_record
from support.store_support import CountingBackend

WORKING, INPUT = TaskStatus.WORKING, TaskStatus.INPUT_REQUIRED
ENDED = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)


ALLOWED = {(WORKING, INPUT), (INPUT, WORKING), *itertools.product((WORKING, INPUT), ENDED)}


@pytest.mark.parametrize("start", TaskStatus)
@pytest.mark.parametrize("end", TaskStatus)
def test_the_state_machine(
    store: GenericTaskStore, backend: CountingBackend, start: TaskStatus, end: TaskStatus
) -> None:
    backend.create(make_record(status=start))
    if (start, end) in ALLOWED:
        assert store.update_status("o", "t", end).record.status is end
        assert store.get("o", "t").record.status is end
        return
    with pytest.raises(InvalidTransitionError) as error:
        store.update_status("o", "t", end)
    assert (error.value.task_id, error.value.from_status, error.value.to_status) == (
        "t",
        start,
        end,
    )
    assert set(error.value.allowed) == {to for begin, to in ALLOWED if begin == start}
    assert f"from {start.value} to {end.value}: " in str(error.value)
    assert (store.get("o", "t").version, error.value.code) == (1, -32602)


def test_a_new_status_changes_nothing_else_and_keeps_the_message(store: GenericTaskStore) -> None:
    made = store.create("o", "tools/call", variables={"a": 1}).record
    task_id = made.task_id
    assert store.update_status("o", task_id, INPUT, "your name?").version == 2
    kept = store.update_status("o", task_id, WORKING).record
    assert kept.task.status_message == "your name?"
    assert store.update_status("o", task_id, INPUT, "").record.task.status_message == ""
    assert (kept.variables, kept.expires_at, kept.task.ttl) == (
        made.variables,
        made.expires_at,
        made.task.ttl,
    )


def test_a_status_can_be_given_by_name_and_an_unknown_one_is_refused(
    store: GenericTaskStore,
) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    by_name: Any = "input_required"
    assert store.update_status("o", task_id, by_name).record.status is INPUT
    unknown: Any = "paused"
    with pytest.raises(InvalidArgumentError, match=r"status: must be one of working, input_"):
        store.update_status("o", task_id, unknown)


def test_variables_are_merged_and_null_removes(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call", variables={"a": 1, "b": 2, "n": None}).record.task_id
    assert store.get("o", task_id).record.variables == {"a": 1, "b": 2}
    merged = store.set_variables("o", task_id, {"a": None, "c": {"d": None}, "absent": None})
    assert merged.record.variables == {"b": 2, "c": {"d": None}}
    assert store.get("o", task_id) == merged


def test_arguments_are_copied(store: GenericTaskStore) -> None:
    variables, result = {"a": [1]}, {"b": [2]}
    task_id = store.create("o", "tools/call", variables=variables).record.task_id
    changed = store.set_variables("o", task_id, variables)
    ended = store.complete_with_result("o", task_id, TaskStatus.COMPLETED, result)
    variables["a"].append(9)
    result["b"].append(9)
    assert changed.record.variables == {"a": [1]}
    assert ended.record.result == store.get_result("o", task_id) == {"b": [2]}


@pytest.mark.parametrize("status", ENDED)
def test_result_and_final_status_are_written_at_once(
    store: GenericTaskStore, backend: CountingBackend, status: TaskStatus
) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    ended = store.complete_with_result("o", task_id, status, {"content": [1]}, "done")
    assert (ended.version, backend.requests["put_if_version"]) == (2, 1)
    assert (ended.record.status, ended.record.task.status_message) == (status, "done")
    assert store.get_result("o", task_id) == {"content": [1]}


@pytest.mark.parametrize("status", [WORKING, INPUT])
def test_only_a_final_status_comes_with_a_result(
    store: GenericTaskStore, status: TaskStatus
) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    with pytest.raises(InvalidArgumentError, match="status: must be one of completed, failed"):
        store.complete_with_result("o", task_id, status, 1)
    assert store.get("o", task_id).version == 1


@pytest.mark.parametrize("status", ENDED)
def test_a_task_that_has_ended_takes_no_change(
    store: GenericTaskStore, backend: CountingBackend, status: TaskStatus
) -> None:
    backend.create(make_record(status=status, result="first"))
    with pytest.raises(TaskEndedError) as error:
        store.set_variables("o", "t", {"a": 1})
    assert (error.value.task_id, error.value.status) == ("t", status)
    with pytest.raises(TaskEndedError):
        store.set_result("o", "t", "second")
    with pytest.raises(InvalidTransitionError):
        store.complete_with_result("o", "t", TaskStatus.COMPLETED, "second")
    with pytest.raises(InvalidTransitionError):
        store.cancel("o", "t")
    assert (store.get("o", "t").version, store.get_result("o", "t")) == (1, "first")


def test_a_result_cannot_be_read_before_the_task_has_ended(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    with pytest.raises(TaskNotReadyError) as error:
        store.get_result("o", task_id)
    assert (error.value.task_id, error.value.status) == (task_id, WORKING)
    assert store.set_result("o", task_id, [0]).record.status is WORKING
    with pytest.raises(TaskNotReadyError):
        store.get_result("o", task_id)
    store.update_status("o", task_id, TaskStatus.COMPLETED)
    assert store.get_result("o", task_id) == [0]


@pytest.mark.parametrize("result", [0, False, "", [], {}])
def test_an_empty_result_is_a_result(store: GenericTaskStore, result: Any) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    store.complete_with_result("o", task_id, TaskStatus.COMPLETED, result)
    assert store.get_result("o", task_id) == result


def test_a_task_that_ended_without_a_result(store: GenericTaskStore) -> None:
    task_id = store.create("o", "tools/call").record.task_id
    assert store.cancel("o", task_id).record.status is TaskStatus.CANCELLED
    with pytest.raises(NoResultError) as error:
        store.get_result("o", task_id)
    assert (error.value.task_id, error.value.status) == (task_id, "cancelled")
