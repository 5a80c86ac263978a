"""STORE: what changes make of a task: its status, its message, its variables and its result."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.store import (
    CANCELLED,
    CHANGES,
    COMPLETED,
    ENDED,
    HOUR,
    INPUT,
    WORKING,
    costs,
    same,
    seeded,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    GenericTaskStore,
    InvalidArgumentError,
    InvalidTransitionError,
    NoResultError,
    TaskEndedError,
    TaskNotReadyError,
    TaskStatus,
)

ALLOWED = {(WORKING, INPUT), (INPUT, WORKING), *itertools.product((WORKING, INPUT), ENDED)}


def moves(store: GenericTaskStore, owner: str, end: TaskStatus) -> list[Callable[[], object]]:
    """The ways to bring the owner's task "task" into this status."""
    ways: list[Callable[[], object]] = [partial(store.update_status, owner, "task", end)]
    if end in ENDED:
        ways.append(partial(store.complete_with_result, owner, "task", end, "result"))
    if end is CANCELLED:
        ways.append(partial(store.cancel, owner, "task"))
    return ways


@rule("STORE-7")
def transitions(trial: Trial) -> None:
    """Exactly the transitions of the state machine succeed, by every operation; a refused one
    raises InvalidTransitionError with both statuses and changes nothing.
    """
    for start in TaskStatus:
        owner, store = trial.owner(), trial.store()
        record = seeded(trial, owner, status=start, result="first")
        ends = [end for begin, end in ALLOWED if begin is start]
        for end in set(TaskStatus) - set(ends):
            for move in moves(store, owner, end):
                error = trial.raises(InvalidTransitionError, move)
                told = (error.task_id, error.from_status, error.to_status, set(error.allowed))
                same(trial, "the error's facts", ("task", start, end, set(ends)), told)
        trial.holds(record, 1)
        for end in ends:
            for move in moves(store, owner, end):
                store.delete(owner, "task")
                seeded(trial, owner, status=start)
                move()
                same(trial, f"status after {start}", end, store.get(owner, "task").record.status)


@rule("STORE-8")
def messages(trial: Trial) -> None:
    """A change of status takes the message that comes with it and otherwise keeps the old one, as
    it keeps everything else.
    """
    owner, store = trial.owner(), trial.store()
    before = seeded(trial, owner, variables={"a": [1]}, result=["early"])
    steps = [(INPUT, "your name?", "your name?"), (WORKING, None, "your name?"), (INPUT, "", "")]
    for status, message, expected in steps:
        store.update_status(owner, "task", status, message)
        after = store.get(owner, "task").record
        same(trial, "message", expected, after.task.status_message)
    store.cancel(owner, "task")
    after = store.get(owner, "task").record
    same(trial, "message after cancel", "", after.task.status_message)
    kept = (before.variables, before.result, before.request_method, before.expires_at)
    found = (after.variables, after.result, after.request_method, after.expires_at)
    same(trial, "variables, result, method and expiry", kept, found)


@rule("STORE-9")
def variables_merge(trial: Trial) -> None:
    """Variables are merged into the stored ones key by key, whole value by whole value, and null
    removes a key.
    """
    owner, store = trial.owner(), trial.store()
    seeded(trial, owner, variables={"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2]})
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2]}),
        ({"a": None, "absent": None}, {"b": {"x": 1, "y": 2}, "c": [1, 2]}),
        ({"b": {"x": None}, "d": 0}, {"b": {"x": None}, "c": [1, 2], "d": 0}),
        ({"c": [None], "d": False}, {"b": {"x": None}, "c": [None], "d": False}),
    ]
    for given, expected in steps:
        store.set_variables(owner, "task", given)
        same(trial, "variables", expected, store.get(owner, "task").record.variables)


@rule("STORE-10")
def an_ended_task_is_final(trial: Trial) -> None:
    """A task that has ended keeps its variables and its result: set_variables and set_result raise
    TaskEndedError and change nothing.
    """
    store = trial.store()
    for status in ENDED:
        owner = trial.owner()
        record = seeded(trial, owner, status=status, variables={"a": 1}, result="first")

        def attempt(owner: str = owner, status: TaskStatus = status) -> None:
            error = TaskEndedError("task", status)
            trial.raises(error, store.set_variables, owner, "task", {"a": None})
            trial.raises(error, store.set_result, owner, "task", "second")

        trial.unchanged_by(record, 1, attempt)


@rule("STORE-11")
def completion_is_one_write(trial: Trial) -> None:
    """complete_with_result stores the result and the terminal status in one write, and takes no
    other status.
    """
    owner, store = trial.owner(), trial.store()
    for status in ENDED:
        seeded(trial, owner, status)
        ended = costs(
            trial,
            {"get": 1, "put_if_version": 1},
            "complete_with_result",
            partial(store.complete_with_result, owner, status, status, {"content": [1]}, "done"),
        )
        found = store.get(owner, status)
        same(trial, "version", (2, 2), (ended.version, found.version))
        told = (found.record.status, found.record.result, found.record.task.status_message)
        same(trial, "status, result, message", (status, {"content": [1]}, "done"), told)
    record = seeded(trial, owner)
    wrong: Any
    for wrong in (WORKING, INPUT, "done"):
        with_status = partial(store.complete_with_result, owner, "task", wrong, 1)
        trial.raises(InvalidArgumentError, with_status)
    trial.holds(record, 1)


@rule("STORE-12")
def results(trial: Trial) -> None:
    """set_result leaves the status; get_result returns any result of an ended task, 0 and empty
    ones too, and raises TaskNotReadyError before, NoResultError where there is none.
    """
    store = trial.store()
    result: Any
    for result in (0, False, "", [], {}, 0.0, {"content": [None]}):
        owner = trial.owner()
        seeded(trial, owner, status=INPUT)
        trial.raises(TaskNotReadyError("task", INPUT), store.get_result, owner, "task")
        same(trial, "status", INPUT, store.set_result(owner, "task", result).record.status)
        trial.raises(TaskNotReadyError("task", INPUT), store.get_result, owner, "task")
        store.update_status(owner, "task", COMPLETED)
        trial.returns(result, store.get_result, owner, "task")
    for status in ENDED:
        seeded(trial, owner, status, status=status)
        trial.raises(NoResultError(status, status), store.get_result, owner, status)


@rule("STORE-13")
def answers_are_the_stored_task(trial: Trial) -> None:
    """A change returns the task as get then returns it, and no object of it is shared with the
    caller's or between answers.
    """
    owner, store = trial.owner(), trial.store()
    for name, change in CHANGES.items():
        seeded(trial, owner, name, variables={"list": [1]})
        answer = change(store, owner, name)
        trial.same_entry(store.get(owner, name), answer.record, answer.version)
        same(trial, "version", 2, answer.version)
        answer.record.variables["list"].append("spoilt")
        same(trial, f"after {name}", [1], store.get(owner, name).record.variables["list"])
    variables: dict[str, Any] = {"list": [1], "object": {"a": 1}}
    made = store.create(owner, "tools/call", variables=variables)
    task_id = made.record.task_id
    changed = store.set_variables(owner, task_id, variables)
    ended = store.complete_with_result(owner, task_id, COMPLETED, variables)
    variables["list"].append("spoilt")
    variables["object"]["a"] = "spoilt"
    expected = {"list": [1], "object": {"a": 1}}
    for answer in (made, changed, ended, store.get(owner, task_id)):
        same(trial, "variables", expected, answer.record.variables)
    same(trial, "result", expected, ended.record.result)
    same(trial, "result", expected, store.get_result(owner, task_id))


@rule("STORE-14", doors=("plant",))
def unknown_fields_survive(trial: Trial) -> None:
    """Fields of record and task that this version does not know survive every change."""
    store = trial.store()
    for name, change in CHANGES.items():
        owner = trial.owner()
        data = json.loads(trial.record(owner).to_json())
        data["inputRequests"], data["task"]["inputResponses"] = {"q": [1]}, {"a": None}
        trial.plant(owner, "task", json.dumps(data), 3)
        change(store, owner, "task")
        after = trial.backend.get(owner, "task")
        same(trial, "version", 4, after.version)
        found = (after.record.model_extra, after.record.task.model_extra)
        told = f"the unknown fields after {name}"
        same(trial, told, ({"inputRequests": {"q": [1]}}, {"inputResponses": {"a": None}}), found)


@rule("STORE-15")
def time_of_the_last_change(trial: Trial) -> None:
    """Every change moves last_updated_at to now, and never back where the clock was set back."""
    owner, store = trial.owner(), trial.store()
    now = datetime.now(UTC)
    for name, change in CHANGES.items():
        seeded(trial, owner, name, updated=now - HOUR)
        change(store, owner, name)
        updated = store.get(owner, name).record.task.last_updated_at
        in_time = now.replace(microsecond=0) <= updated <= datetime.now(UTC)
        trial.expect(in_time, f"last_updated_at of now after {name}", f"{updated}")
        ahead = seeded(trial, owner, f"{name} ahead", updated=now + HOUR).task.last_updated_at
        change(store, owner, f"{name} ahead")
        updated = store.get(owner, f"{name} ahead").record.task.last_updated_at
        trial.expect(updated >= ahead, f"last_updated_at not before {ahead}", f"{updated}")
