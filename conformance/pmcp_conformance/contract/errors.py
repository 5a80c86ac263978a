"""ERR: errors are of the right kind, say enough and not too much, and break nothing."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from pmcp_conformance.catalogue import rule
from pmcp_conformance.engine.comparison import short
from pmcp_conformance.engine.recording import TracedBackend
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.engine.violation import Blocked, Violation
from pmcp_conformance.network.connections import Route
from pmcp_storage import (
    BackendError,
    StorageError,
)

SECRET = "hidden-5f1d7c"
"""A value that must not show anywhere but in the record."""

Call = Callable[[], object]


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
"""The rules that these calls raise an error at all."""


def caught(name: str, call: Call, demanded_by: str = "ERR-4") -> Exception:
    """The error that the call must raise, as a premise: of the rule that the table above names, or
    of this one."""
    try:
        result = call()
    except Exception as error:
        return error
    missing = Violation(f"an error from {name}", f"it returned {short(result, 80)}")
    raise Blocked(_DEMANDED_BY.get(name, demanded_by), missing)


@rule("ERR-1")
def only_our_errors(trial: Trial) -> None:
    """Every error that an operation raises is a StorageError, ValueError or TypeError; what the
    library raised is its __cause__.
    """
    owner = trial.owner()
    trial.seed_at(2, owner)
    calls = failing_calls(trial, owner)
    if trial.target.offers("open_misconfigured"):
        broken = trial.trace_handle(trial.target.handle("open_misconfigured"), "misconfigured")
        for name, call in every_operation(trial, broken, owner).items():
            calls[f"{name} on misconfigured storage"] = call
        # A storage that expires records by itself has nothing to do here, and so may not fail.
        with one_of_ours(trial, "cleanup_expired on misconfigured storage"):
            broken.cleanup_expired()
    for name, call in calls.items():
        error = caught(name, call)
        with one_of_ours(trial, name):
            raise error
    if trial.target.offers("address"):
        only_our_errors_of_the_unreachable(trial, owner)


def only_our_errors_of_the_unreachable(trial: Trial, owner: str) -> None:
    """The same of storage that cannot be reached."""
    with Route(trial) as route:
        calls = every_operation(trial, route.handle(), owner)
        route.proxy.refuse()
        for name, call in calls.items():
            error = caught(name, call, "FLT-1")
            where = f"{name} on storage that cannot be reached"
            with one_of_ours(trial, where):
                raise error
            # Later ones may fail without a look at the storage.
            if name == "get" and isinstance(error, StorageError):
                told = f"{type(error).__name__} without a cause"
                trial.expect(
                    error.__cause__, f"the library's error as the __cause__ from {where}", told
                )


@contextmanager
def one_of_ours(trial: Trial, name: str) -> Iterator[None]:
    """An error that is raised in here is of the contract's kinds and shows its cause."""
    try:
        yield
    except Exception as error:
        kinds = (StorageError, ValueError, TypeError)
        told = f"{type(error).__module__}.{type(error).__name__}: {error}"
        trial.expect(isinstance(error, kinds), f"a StorageError from {name}", told)
        lost = isinstance(error, BackendError) and error.__context__ and not error.__cause__
        told = f"{type(error).__name__}, raised while handling {error.__context__!r:.80}"
        trial.expect(not lost, f"the library's error as the __cause__ from {name}", told)


def every_operation(
    trial: Trial, handle: TracedBackend, owner: str, **changes: Any
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


@rule("ERR-4", doors=("open_misconfigured",))
def misconfigured_storage(trial: Trial) -> None:
    """Storage that is missing or wrongly set up is refused by the first operation, with a message
    that names what is missing.
    """
    owner = trial.owner()
    names = every_operation(trial, trial.backend, owner)
    for name in names:
        # A handle of its own for each: every operation can be the first.
        handle = trial.trace_handle(trial.target.handle("open_misconfigured"), "misconfigured")
        call = every_operation(trial, handle, owner)[name]
        error = trial.raises(BackendError, call)
        told = f"only {str(error)!r}"
        trial.expect(len(str(error).split()) > 3, f"a message from {name} that helps", told)


def misconfigured_secrets(trial: Trial, owner: str) -> Iterator[tuple[str, Exception]]:
    """The errors of writing and reading a secret where the storage is missing."""
    if not trial.target.offers("open_misconfigured"):
        return
    broken = trial.trace_handle(trial.target.handle("open_misconfigured"), "misconfigured")
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


@rule("ERR-6")
def the_handle_survives_errors(trial: Trial) -> None:
    """After an error the same handle works."""
    owner = trial.owner()
    trial.seed_at(2, owner)
    version = 2
    for name, call in failing_calls(trial, owner).items():
        caught(name, call)
        version += 1
        record = trial.record(owner)
        trial.returns(version, trial.backend.put, record)
        trial.holds(record, version)
        trial.lists(owner, record)
        # Back to version 2, so that each call fails in the same way.
        with trial.premise("DEL-1"):
            trial.backend.delete(owner, "task")
        trial.seed_at(version := 2, owner)


@rule("ERR-7")
def closing(trial: Trial) -> None:
    """close can be called twice; an operation after close raises BackendError; a second handle
    goes on working.
    """
    owner = trial.owner()
    first, second = trial.open("first"), trial.open("second")
    record = trial.record(owner)
    second.create(record)
    first.list_by_owner(owner)
    first.close()
    first.close()
    calls = every_operation(trial, first, owner)
    calls["cleanup_expired"] = first.cleanup_expired
    for name, call in calls.items():
        try:
            trial.raises(BackendError, call)
        except Violation as violation:
            expected = f"BackendError from {name} after close"
            raise Violation(expected, violation.observed) from violation
    trial.holds(record, 1, second)
    changed = trial.record(owner)
    trial.returns(2, second.put_if_version, changed, 1)
    trial.holds(changed, 2, second)


@rule("ERR-8")
def errors_survive_pickle_and_copy(trial: Trial) -> None:
    """Every error survives pickle and copy with its attributes."""
    owner = trial.owner()
    trial.seed_at(2, owner)
    errors = {name: caught(name, call) for name, call in failing_calls(trial, owner).items()}
    errors |= corrupt_secrets(trial, owner)
    errors |= misconfigured_secrets(trial, owner)
    for name, error in errors.items():
        if isinstance(error, StorageError):
            for how, duplicate in duplicates(name, error):
                same = type(duplicate) is type(error) and vars(duplicate) == vars(error)
                same = same and str(duplicate) == str(error)
                told = f"{how}: {type(duplicate).__name__} with {short(vars(duplicate))}"
                trial.expect(same, f"the error of {name} with {short(vars(error))}", told)


def duplicates(name: str, error: StorageError) -> Iterator[tuple[str, Exception]]:
    """The error after pickle and after copy."""
    ways: dict[str, Callable[[StorageError], Exception]] = {
        "pickle": lambda error: cast("Exception", pickle.loads(pickle.dumps(error))),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
    }
    for how, way in ways.items():
        try:
            yield how, way(error)
        except Exception as failure:
            told = f"{type(error).__name__}: {how} raised {type(failure).__name__}: {failure}"
            raise Violation(f"the error of {name} to survive {how}", told) from failure


@rule("ERR-9")
def wrong_arguments(trial: Trial) -> None:
    """An argument of the wrong type, or an id that no record can have, is refused before anything
    is written (TypeError, ValueError).
    """
    owner = trial.owner()
    record = trial.seed(owner)
    handle = cast("Any", trial.backend)
    wrong: Any
    for wrong in (None, 1, b"task", ["task"]):
        for call in id_calls(handle, owner, wrong):
            trial.raises(TypeError, call)
    for impossible in ("", "\0", "a\0b", "\ud800", "x" * 1025, "\u00e9" * 513):
        for call in id_calls(handle, owner, impossible):
            trial.raises(ValueError, call)
    trial.raises(ValueError, handle.get, owner, "x" * 257)
    other = trial.record(owner)
    for wrong in (None, "record", {}, other.task, [other]):
        for write in (handle.create, handle.put, lambda wrong: handle.put_if_version(wrong, 1)):
            trial.raises(TypeError, write, wrong)
    for wrong in (None, "1", 1.0, True):
        trial.raises(TypeError, handle.put_if_version, other, wrong)
        trial.raises(TypeError, handle.list_by_owner, owner, limit=wrong)
    wrong_counts(trial, owner)
    trial.holds(record, 1)
    trial.lists(owner, record)


def wrong_counts(trial: Trial, owner: str) -> None:
    """Counting refuses options of the wrong type."""
    for option in ({"live_at": "now"}, {"at_most": "1"}, {"at_most": 1.0}, {"at_most": True}):
        trial.raises(TypeError, cast("Any", trial.backend).count_by_owner, owner, **option)


def id_calls(handle: Any, owner: str, wrong: object) -> list[Call]:
    """Every way to hand over an id."""
    return [
        lambda: handle.get(owner, wrong),
        lambda: handle.get(wrong, "task"),
        lambda: handle.delete(owner, wrong),
        lambda: handle.delete(wrong, "task"),
        lambda: handle.list_by_owner(wrong),
        lambda: handle.count_by_owner(wrong),
        lambda: handle.iter_by_owner(wrong),
        *([lambda: handle.list_by_owner(owner, after=wrong)] if wrong is not None else []),
    ]
