"""STORE-22: the limit of a record, to the byte, for everything that can make it grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import COMPLETED, INPUT, expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_raises
from pmcp_storage import GenericTaskStore, TaskTooLargeError, VersionedRecord

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
        owner, "task", COMPLETED, TEXT, "ü" * 20
    ),
    "a message": lambda store, owner: store.update_status(owner, "task", INPUT, TEXT),
}
"""Every way to make a record grow."""


@rule("STORE-22")
def record_limit(trial: Trial) -> None:
    """The whole record, as a change would leave it, may take up to max_record_bytes of JSON in
    UTF-8; one byte more is refused and changes nothing, but a full task can still be cancelled.

    Why: Where characters are counted, or only what is handed in, text that is not ASCII and many
    small changes grow a task past what the storage takes: then not even its cancellation can be
    stored.

    Real bug: Dynamoid's size check compared the size of each single attribute with DynamoDB's item
    limit, which applies to the sum of all names and values in the item, and had an outdated limit
    besides. (https://github.com/Dynamoid/dynamoid/issues/60)

    Mend: Measure len(record.to_json().encode()) of the whole record as it would be written, message
    and result included, before the write. A backend must take max_record_bytes of such JSON.
    """
    bench = StoreBench(trial)
    for name, grow in GROWTHS.items():
        size = grown_size(trial, bench, name)
        limited = grown_size(trial, bench, name, max_record_bytes=size, max_string_bytes=900)
        expect_same(f"bytes after {name}", size, limited)
        limits = {"max_record_bytes": size - 1, "max_string_bytes": 900}
        owner, store = store_to_grow_in(trial, bench, name, **limits)
        before = store.list(owner).tasks
        expect_raises(TaskTooLargeError(size, size - 1), grow, store, owner)
        expect_same(f"the tasks after a refused {name}", before, store.list(owner).tasks)
    expect_stored_variables_counted(trial, bench)


def grown_size(trial: Trial, bench: StoreBench, name: str, **settings: Any) -> int:
    """Bytes of the record of a new owner's task, once it has grown."""
    owner, store = store_to_grow_in(trial, bench, name, **settings)
    return len(GROWTHS[name](store, owner).record.to_json().encode())


def store_to_grow_in(
    trial: Trial, bench: StoreBench, name: str, **settings: Any
) -> tuple[str, GenericTaskStore]:
    """An owner with the task that the growth needs, and a store with these settings."""
    owner = trial.owner()
    store = bench.store(**settings)
    if name != "create":
        bench.store().create(owner, "tools/call", task_id="task")
    return owner, store


def expect_stored_variables_counted(trial: Trial, bench: StoreBench) -> None:
    """What would fit on its own is refused where the stored variables leave no room for it."""
    owner = trial.owner()
    store = bench.store(max_record_bytes=1_600, max_string_bytes=900)
    store.create(owner, "tools/call", task_id="task", variables={"a": TEXT})
    before = store.get(owner, "task")
    expect_raises(TaskTooLargeError, store.set_variables, owner, "task", {"b": TEXT})
    expect_raises(TaskTooLargeError, store.set_result, owner, "task", TEXT)
    expect_raises(TaskTooLargeError, store.complete_with_result, owner, "task", COMPLETED, TEXT)
    expect_same("the task", before, store.get(owner, "task"))
    store.set_variables(owner, "task", {"a": TEXT[::-1]})
    store.set_variables(owner, "task", {"a": None, "b": TEXT})
    expect_same("variables", {"b": TEXT}, store.get(owner, "task").record.variables)
    full = len(store.get(owner, "task").record.to_json().encode())
    limited = bench.store(max_record_bytes=full, max_string_bytes=900)
    expect_same("version after cancel", 4, limited.cancel(owner, "task").version)
