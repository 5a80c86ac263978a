"""What the rules on errors share: calls that must fail, and the errors that they raise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

from pmcp_conformance.engine.attempt import Call
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.recording import RecordedBackend
from pmcp_conformance.engine.traces import SECRET
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Blocked, Inconclusive, Violation, premise
from pmcp_conformance.expectations import expect, expect_raises
from pmcp_storage import CorruptRecordError

_DEMANDED_BY = {
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
"""For each call that must fail, the rule that says so."""


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


def error_of(name: str, call: Call, demanded_by: str = "ERR-4") -> Exception:
    """The error that the call must raise.

    Raises Blocked where it raises none, by the rule that demands the error: the one in
    _DEMANDED_BY, else `demanded_by`.
    """
    try:
        result = call()
    except Exception as error:
        return error
    missing = Violation(f"an error from {name}", f"it returned {short(result, 80)}")
    raise Blocked(_DEMANDED_BY.get(name, demanded_by), missing)


def open_misconfigured(trial: Trial) -> RecordedBackend:
    """A handle on misconfigured storage. Raises a Violation if the target opens none."""
    try:
        handle = trial.target.handle("open_misconfigured")
    except Exception as error:
        raise Violation(
            "open_misconfigured() returns a handle, whose first operation is refused",
            f"it raised {type(error).__name__}: {error}",
        ) from error
    return trial.adopt(handle, "misconfigured", "open_misconfigured")


def errors_around_secrets(trial: Trial, owner: str) -> Iterator[tuple[str, Exception]]:
    """Each call that must fail and has the secret in what it writes or reads, and the error that it
    raises; the next one is made when this one has been looked at.
    """
    for name, call in failing_calls(trial, owner).items():
        yield name, error_of(name, call)
    yield from errors_of_corrupt_rows(trial, owner)
    yield from errors_on_misconfigured_storage(trial, owner)


def errors_on_misconfigured_storage(trial: Trial, owner: str) -> Iterator[tuple[str, Exception]]:
    """Each operation on storage that is missing or wrongly set up, and the error that it raises;
    the record has the secret in it. Nothing where the target cannot open such storage.
    """
    if not trial.target.offers("open_misconfigured"):
        return
    with premise("ERR-4"):
        broken = open_misconfigured(trial)
    secret = {"secret": SECRET}
    for name, call in every_operation(
        trial, broken, owner, variables=secret, result=secret
    ).items():
        yield f"{name} on misconfigured storage", error_of(name, call)


def errors_of_corrupt_rows(trial: Trial, owner: str) -> Iterator[tuple[str, Exception]]:
    """Each way to read a row that is no record and has the secret in it, and the error that it
    raises. Nothing where the target cannot plant such a row.
    """
    if not trial.target.offers("plant"):
        return
    whole = json.loads(trial.record(owner, "corrupt", variables={"secret": SECRET}).to_json())
    for text in _texts_with_secret(whole):
        if not is_planted(trial, owner, "corrupt", text):
            continue
        calls: dict[str, Call] = {
            "get of a corrupt row": lambda: trial.backend.get(owner, "corrupt"),
            "a listing with one": lambda: trial.backend.list_by_owner(owner),
        }
        for name, call in calls.items():
            yield name, error_of(name, call)
    trial.backend.delete(owner, "corrupt")


def _texts_with_secret(whole: dict[str, Any]) -> Iterator[str]:
    """JSON of the wrong shape, and text that is no JSON: a parser may quote where it gave up."""
    for wrong in (
        {"expiresAt": SECRET},
        {"variables": [SECRET]},
        {"ownerId": 7, "result": SECRET},
    ):
        yield json.dumps({**whole, **wrong})
    yield json.dumps(whole).partition(SECRET)[0] + SECRET
    yield f'{{"secret": {SECRET}}}'
    yield f'{{"secret": "{SECRET}\\x"}}'
    yield f'{{"secret": "{SECRET}\\ud800"}}'


def plant_corrupt_rows(trial: Trial, owner: str) -> Iterator[str]:
    """Plant rows that are no records, one after the other on one key; yield what each holds."""
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
    sound = trial.record(owner).to_json()
    # What follows is left of a longer row, in whose place a shorter one was written.
    for text in ("{", "not JSON", "", sound + sound[-20:], sound + "}"):
        if is_planted(trial, owner, "task", text):
            yield short(text, 60)


def is_planted(trial: Trial, owner: str, task_id: str, text: str) -> bool:
    """Plant a row with this text; False where a storage with a JSON type of its own refuses it."""
    try:
        trial.plant(owner, task_id, text, 1)
    except (Exception, Inconclusive):
        return False
    return True


def expect_corrupt(trial: Trial, owner: str, call: Callable[..., object], *args: Any) -> None:
    """The call raises a CorruptRecordError that names the key of the planted row."""
    error = expect_raises(CorruptRecordError, call, *args)
    named = (error.owner_id, error.task_id)
    expect(named == (owner, "task"), f"an error about {(owner, 'task')}", f"about {named}")
