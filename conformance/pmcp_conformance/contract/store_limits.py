"""STORE: how much callers may store, and what an operation costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.store import CHANGES, COMPLETED, INPUT, costs, same, seeded
from pmcp_conformance.contract.store_owners import expired
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    GenericTaskStore,
    InvalidVariablesError,
    TaskQuotaError,
    TaskTooLargeError,
    VersionedRecord,
)

TEXT = "ü" * 400
"""800 bytes of UTF-8."""

Growth = Callable[[GenericTaskStore, str], VersionedRecord]

GROWTHS: dict[str, Growth] = {
    "create": lambda store, owner: store.create(
        owner, "tools/call", task_id="task", variables={"é": TEXT}
    ),
    "set_variables": lambda store, owner: store.set_variables(owner, "task", {"é": TEXT}),
    "set_result": lambda store, owner: store.set_result(owner, "task", [TEXT]),
    "complete_with_result": lambda store, owner: store.complete_with_result(
        owner, "task", COMPLETED, TEXT
    ),
    "a message": lambda store, owner: store.update_status(owner, "task", INPUT, TEXT),
}


@rule("STORE-21")
def quota(trial: Trial) -> None:
    """An owner has at most max_tasks_per_owner unexpired tasks, ended ones included: one more is
    refused until one is deleted, and other owners' do not count.
    """
    owner, other, store = trial.owner(), trial.owner(), trial.store(max_tasks_per_owner=2)
    for number in range(3):
        expired(trial, owner, f"{number} expired")
    first, second = (store.create(owner, "tools/call").record.task_id for _ in range(2))
    store.cancel(owner, first)
    for _ in range(2):
        trial.raises(TaskQuotaError(owner, 2), store.create, owner, "tools/call")
    listed = [found.record.task_id for found in store.list(owner).tasks]
    same(trial, "the listing", [second, first], listed)
    same(trial, "another owner's version", 1, store.create(other, "tools/call").version)
    store.delete(owner, first)
    same(trial, "version after a delete", 1, store.create(owner, "tools/call").version)
    trial.raises(TaskQuotaError(owner, 2), store.create, owner, "tools/call")


@rule("STORE-22")
def record_limit(trial: Trial) -> None:
    """The whole record, as a change would leave it, may have max_record_bytes of JSON in UTF-8; one
    byte more is refused and changes nothing.
    """
    for name, grow in GROWTHS.items():
        size = len(grown(trial, name, grow).record.to_json().encode())
        limits = {"max_record_bytes": size, "max_string_bytes": 900}
        fitting = grown(trial, name, grow, **limits)
        same(trial, f"bytes after {name}", size, len(fitting.record.to_json().encode()))
        owner, store = prepared(trial, name, **{**limits, "max_record_bytes": size - 1})
        before = store.list(owner).tasks
        trial.raises(TaskTooLargeError(size, size - 1), grow, store, owner)
        same(trial, f"the tasks after a refused {name}", before, store.list(owner).tasks)
    what_fits_alone(trial)


def prepared(trial: Trial, name: str, **settings: Any) -> tuple[str, GenericTaskStore]:
    """A store, and an owner with what the growth needs."""
    owner, store = trial.owner(), trial.store(**settings)
    if name != "create":
        trial.store().create(owner, "tools/call", task_id="task")
    return owner, store


def grown(trial: Trial, name: str, grow: Growth, **settings: Any) -> VersionedRecord:
    owner, store = prepared(trial, name, **settings)
    return grow(store, owner)


def what_fits_alone(trial: Trial) -> None:
    """What would fit alone is refused where the stored variables leave no room for it."""
    owner, store = trial.owner(), trial.store(max_record_bytes=1_600, max_string_bytes=900)
    store.create(owner, "tools/call", task_id="task", variables={"a": TEXT})
    before = store.get(owner, "task")
    trial.raises(TaskTooLargeError, store.set_variables, owner, "task", {"b": TEXT})
    trial.raises(TaskTooLargeError, store.set_result, owner, "task", TEXT)
    trial.raises(TaskTooLargeError, store.complete_with_result, owner, "task", COMPLETED, TEXT)
    same(trial, "the task", before, store.get(owner, "task"))
    store.set_variables(owner, "task", {"a": TEXT[::-1]})
    store.set_variables(owner, "task", {"a": None, "b": TEXT})
    same(trial, "variables", {"b": TEXT}, store.get(owner, "task").record.variables)
    same(trial, "version", 3, store.cancel(owner, "task").version - 1)


@rule("STORE-23")
def limits_of_variables(trial: Trial) -> None:
    """Variables nested deeper than max_variable_depth, and strings and keys over max_string_bytes
    of UTF-8, are refused before any request; the limits themselves are granted.
    """
    owner = trial.owner()
    store = trial.store(max_variable_depth=4, max_string_bytes=20)
    seeded(trial, owner)
    fitting = [nested(4), {"a": "é" * 10}, {"é" * 10: 1}, {"a": [{"b": "é" * 10}]}]
    for number, given in enumerate(fitting):
        store.set_variables(owner, "task", given)
        store.create(owner, "tools/call", task_id=f"{number}", variables=given)
    trial.below.requests.clear()
    long = "é" * 10 + "x"
    for wrong in (nested(5), nested(9), {"a": long}, {long: 1}, {"a": [{"b": long}]}, {"a": {1}}):
        trial.raises(InvalidVariablesError, store.set_variables, owner, "task", wrong)
        trial.raises(InvalidVariablesError, store.create, owner, "tools/call", variables=wrong)
    same(trial, "requests", {}, dict(trial.below.requests))
    same(trial, "status", INPUT, store.update_status(owner, "task", INPUT, long).record.status)
    trial.returns([[[[long]]]], lambda: store.set_result(owner, "task", [[[[long]]]]).record.result)


def nested(levels: int) -> dict[str, Any]:
    """Variables of so many levels: an object, then lists and objects in turn."""
    value: Any = 1
    for level in range(levels - 1, 0, -1):
        value = [value] if level % 2 else {"k": value}
    return {"k": value}


@rule("STORE-24")
def requests_per_operation(trial: Trial) -> None:
    """A change takes two requests, get and get_result one, create one and one more to count for a
    quota, delete two, a page of a listing one.
    """
    owner, store, counting = trial.owner(), trial.store(), trial.store(max_tasks_per_owner=20)
    costs(trial, {"create": 1}, "create", partial(store.create, owner, "tools/call"))
    costs(
        trial,
        {"count_by_owner": 1, "create": 1},
        "create under a quota",
        partial(counting.create, owner, "tools/call"),
    )
    for name, change in CHANGES.items():
        seeded(trial, owner, name)
        two = {"get": 1, "put_if_version": 1}
        costs(trial, two, name, partial(change, store, owner, name))
    ended = "complete_with_result"
    costs(trial, {"get": 1}, "get", partial(store.get, owner, ended))
    costs(trial, {"get": 1}, "get_result", partial(store.get_result, owner, ended))
    costs(trial, {"list_by_owner": 1}, "list", partial(store.list, owner))
    costs(trial, {"get": 1, "delete": 1}, "delete", partial(store.delete, owner, ended))
