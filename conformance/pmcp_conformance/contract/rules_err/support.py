"""Shared by the rules on errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

from pmcp_conformance.engine.attempt import Call
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.expectations import expect, expect_raises
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Blocked, Violation
from pmcp_conformance.network.connections import Route
from pmcp_conformance.network.faults import Fault, lasting
from pmcp_conformance.network.operations import HandleCall
from pmcp_storage import CorruptRecordError

SECRET = "hidden-5f1d7c"
"""A value that must not show anywhere but in the record."""


def failing_calls(trial: Trial, owner: str) -> dict[str, Call]:
    """Calls that must each raise an error, on a key of the owner that is at version 2."""
    handle = trial.backend
    secret: dict[str, Any] = {"variables": {"secret": SECRET}, "result": {"secret": SECRET}}
    record = trial.record(owner, **secret)
    absent = trial.record(owner, "absent", **secret)
    calls: dict[str, Call] = {
        "get of an absent key": lambda: handle.get(owner, "absent"),
        "create of a present key": lambda: handle.create(record),
        "a stale put_if_version": lambda: handle.put_if_version(record, 1),
        "put_if_version of an absent key": lambda: handle.put_if_version(absent, 1),
        "put_if_version with version 0": lambda: handle.put_if_version(record, 0),
        "a listing with limit 0": lambda: handle.list_by_owner(owner, limit=0),
        "get of an empty id": lambda: handle.get(owner, ""),
        "put of something else": lambda: handle.put(cast("Any", {"secret": SECRET})),
    }
    if trial.target.storage_limit_bytes:
        large = trial.sized(owner, "task", trial.target.storage_limit_bytes + 1)
        calls["put of a record over the limit"] = lambda: handle.put(large)
    return calls


DEMANDED_BY = {
    "get of an absent key": "GET-1",
    "create of a present key": "CRE-2",
    "a stale put_if_version": "CAS-2",
    "put_if_version of an absent key": "CAS-5",
    "put_if_version with version 0": "CAS-10",
    "a listing with limit 0": "LIST-12",
    "get of an empty id": "ERR-9",
    "put of something else": "ERR-9",
    "put of a record over the limit": "VAL-9",
    "get of a corrupt row": "ERR-2",
    "a listing with one": "ERR-3",
}
"""The rules that these calls raise an error at all."""


def caught(name: str, call: Call, demanded_by: str = "ERR-4") -> Exception:
    """The error that the call must raise, as a premise: of the rule that the table above names, or
    of this one."""
    try:
        result = call()
    except Exception as error:
        return error
    missing = Violation(f"an error from {name}", f"it returned {short(result, 80)}")
    raise Blocked(DEMANDED_BY.get(name, demanded_by), missing)


def every_operation(
    trial: Trial, handle: RecordedBackend, owner: str, **changes: Any
) -> dict[str, Call]:
    """One call of each operation that reaches the storage."""
    record = trial.record(owner, **changes)
    return {
        "get": lambda: handle.get(owner, "task"),
        "create": lambda: handle.create(record),
        "put": lambda: handle.put(record),
        "put_if_version": lambda: handle.put_if_version(record, 1),
        "delete": lambda: handle.delete(owner, "task"),
        "list_by_owner": lambda: handle.list_by_owner(owner),
        "iter_by_owner": lambda: list(handle.iter_by_owner(owner)),
        "count_by_owner": lambda: handle.count_by_owner(owner),
    }


def misconfigured_secrets(trial: Trial, owner: str) -> Iterator[tuple[str, Exception]]:
    """The errors of writing and reading a secret where the storage is missing."""
    if not trial.target.offers("open_misconfigured"):
        return
    broken = trial.adopt(trial.target.handle("open_misconfigured"), "misconfigured")
    secret = {"secret": SECRET}
    for name, call in every_operation(
        trial, broken, owner, variables=secret, result=secret
    ).items():
        yield f"{name} on misconfigured storage", caught(name, call)


def corrupt_secrets(trial: Trial, owner: str) -> Iterator[tuple[str, Exception]]:
    """The errors of rows that hold a secret and are no records."""
    if not trial.target.offers("plant"):
        return
    whole = json.loads(trial.record(owner, "corrupt", variables={"secret": SECRET}).to_json())
    for spoilt in (
        {"expiresAt": SECRET},
        {"variables": [SECRET]},
        {"ownerId": 7, "result": SECRET},
    ):
        trial.plant(owner, "corrupt", json.dumps({**whole, **spoilt}), 1)
        calls: dict[str, Call] = {
            "get of a corrupt row": lambda: trial.backend.get(owner, "corrupt"),
            "a listing with one": lambda: trial.backend.list_by_owner(owner),
        }
        for name, call in calls.items():
            yield name, caught(name, call)
    trial.backend.delete(owner, "corrupt")


def planted(trial: Trial, owner: str) -> Iterator[str]:
    """Plant rows that are no records, one after the other; yield what each one is."""
    whole = json.loads(trial.record(owner).to_json())
    shapes: list[object] = [{}, [], "text", 7, None, {"task": None}]
    shapes += [
        {name: whole[name] for name in whole if name != left_out}
        for left_out in ("task", "ownerId")
    ]
    shapes += [{**whole, "task": {**whole["task"], "status": "unheard-of"}}]
    shapes += [{**whole, "expiresAt": "tomorrow"}, {**whole, "variables": [1]}]
    for shape in shapes:
        trial.plant(owner, "task", json.dumps(shape), 1)
        yield short(shape, 60)
    for text in ("{", "not JSON", ""):
        try:
            trial.plant(owner, "task", text, 1)
        except Exception:
            continue  # a storage with a JSON type of its own takes no such text
        yield repr(text)


def corrupt(trial: Trial, owner: str, call: Callable[..., object], *args: Any) -> None:
    """The call raises CorruptRecordError that names the planted row."""
    error = expect_raises(CorruptRecordError, call, *args)
    named = (error.owner_id, error.task_id)
    expect(named == (owner, "task"), f"an error about {(owner, 'task')}", f"about {named}")


def spoilt(trial: Trial, name: str, call: HandleCall, fault: Fault) -> tuple[str, Exception] | None:
    with Route(trial) as route:
        route.proxy.play(lasting(fault, 1))
        error = route.call(call).error
    return None if error is None else (f"the error of {name}", error)
