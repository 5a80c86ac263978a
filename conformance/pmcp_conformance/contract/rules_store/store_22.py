"""STORE-22: record limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import COMPLETED, INPUT, expect_same
from pmcp_conformance.engine.expectations import expect_raises
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    GenericTaskStore,
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


@rule("STORE-22")
def record_limit(trial: Trial) -> None:
    """The whole record, as a change would leave it, may take up to max_record_bytes of JSON in
    UTF-8; one byte more is refused and changes nothing.
    """
    bench = StoreBench(trial)
    for name, grow in GROWTHS.items():
        size = len(grown(trial, bench, name, grow).record.to_json().encode())
        limits = {"max_record_bytes": size, "max_string_bytes": 900}
        fitting = grown(trial, bench, name, grow, **limits)
        expect_same(f"bytes after {name}", size, len(fitting.record.to_json().encode()))
        owner, store = prepared(trial, bench, name, **{**limits, "max_record_bytes": size - 1})
        before = store.list(owner).tasks
        expect_raises(TaskTooLargeError(size, size - 1), grow, store, owner)
        expect_same(f"the tasks after a refused {name}", before, store.list(owner).tasks)
    what_fits_alone(trial, bench)


def prepared(
    trial: Trial, bench: StoreBench, name: str, **settings: Any
) -> tuple[str, GenericTaskStore]:
    """A store, and an owner with what the growth needs."""
    owner, store = trial.owner(), bench.store(**settings)
    if name != "create":
        bench.store().create(owner, "tools/call", task_id="task")
    return owner, store


def grown(
    trial: Trial, bench: StoreBench, name: str, grow: Growth, **settings: Any
) -> VersionedRecord:
    owner, store = prepared(trial, bench, name, **settings)
    return grow(store, owner)


def what_fits_alone(trial: Trial, bench: StoreBench) -> None:
    """What would fit alone is refused where the stored variables leave no room for it."""
    owner, store = trial.owner(), bench.store(max_record_bytes=1_600, max_string_bytes=900)
    store.create(owner, "tools/call", task_id="task", variables={"a": TEXT})
    before = store.get(owner, "task")
    expect_raises(TaskTooLargeError, store.set_variables, owner, "task", {"b": TEXT})
    expect_raises(TaskTooLargeError, store.set_result, owner, "task", TEXT)
    expect_raises(TaskTooLargeError, store.complete_with_result, owner, "task", COMPLETED, TEXT)
    expect_same("the task", before, store.get(owner, "task"))
    store.set_variables(owner, "task", {"a": TEXT[::-1]})
    store.set_variables(owner, "task", {"a": None, "b": TEXT})
    expect_same("variables", {"b": TEXT}, store.get(owner, "task").record.variables)
    expect_same("version", 3, store.cancel(owner, "task").version - 1)
