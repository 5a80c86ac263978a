"""STORE-33: arguments that no task can have."""

from __future__ import annotations

from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    INPUT,
    OWNER_CALLS,
    TASK_CALLS,
    expect_same,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises
from pmcp_storage import GenericTaskStore, InvalidArgumentError

NO_IDS: list[Any] = [None, 1, b"task", "a\0", "\ud800", "x" * 1_025]
"""What neither an owner nor a task can be called."""

NO_TEXTS: list[Any] = [1, b"text", "\ud800"]
"""What neither a message nor a method can be."""

NO_RESULTS: list[Any] = [{1}, float("nan"), [float("nan")], {"a": float("inf")}, "\ud800"]
"""What JSON cannot hold."""


@rule("STORE-33", since="1.1")
def impossible_arguments(trial: Trial) -> None:
    """An owner, id, method, status, message, result, limit or cursor that cannot be raises
    InvalidArgumentError before any request.

    Why: A limit of 0, an owner of None or a status that does not exist comes from a bug of the
    caller's. Sent on, it costs a request and comes back as some error of the database's, or works
    by accident: an owner of None lists what is anonymous.

    Mend: Check every argument before the first request, in one place that all operations share, and
    raise InvalidArgumentError with its name.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    bench.backend.requests.clear()
    for store in (bench.store(), bench.store(allow_anonymous=True)):
        for wrong in NO_IDS:
            for call in OWNER_CALLS.values():
                expect_raises(InvalidArgumentError, call, store, wrong, "task")
            for call in TASK_CALLS.values():
                expect_raises(InvalidArgumentError, call, store, owner, wrong)
    expect_values_refused(bench.store(), owner)
    expect_same("requests", {}, dict(bench.backend.requests))


def expect_values_refused(store: GenericTaskStore, owner: str) -> None:
    """Texts, results, statuses and limits that cannot be are refused."""
    completed = (owner, "task", COMPLETED)
    for wrong in NO_TEXTS:
        expect_raises(InvalidArgumentError, store.create, owner, wrong)
        expect_raises(InvalidArgumentError, store.update_status, owner, "task", INPUT, wrong)
        expect_raises(InvalidArgumentError, store.complete_with_result, *completed, 1, wrong)
    for wrong in NO_RESULTS:
        expect_raises(InvalidArgumentError, store.set_result, owner, "task", wrong)
        expect_raises(InvalidArgumentError, store.complete_with_result, *completed, wrong)
    status: Any
    for status in ("done", None, 1):
        expect_raises(InvalidArgumentError, store.update_status, owner, "task", status)
    limit: Any
    for limit in (0, -1, True, 1.0, "1"):
        expect_raises(InvalidArgumentError, store.list, owner, limit=limit)
    cursor: Any = 1
    expect_raises(InvalidArgumentError, store.list, owner, cursor=cursor)
