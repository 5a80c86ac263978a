"""STORE-37: change: what it writes, what it leaves, and the requests that it takes."""

from __future__ import annotations

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    INPUT,
    WORKING,
    expect_requests,
    expect_same,
    fields_of,
)
from pmcp_conformance.contract.support import HOUR, full_fields
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry
from pmcp_storage import GenericTaskStore, TaskChange, TaskRecord

WRITTEN: list[tuple[TaskChange, set[str]]] = [
    (TaskChange(status=INPUT), {"task.status"}),
    (TaskChange(message="half"), {"task.status_message"}),
    (TaskChange(message=""), {"task.status_message"}),
    (TaskChange(variables={"new": [1]}), {"variables"}),
    (TaskChange(result=0), {"result"}),
    (TaskChange(), set()),
    (
        TaskChange(status=COMPLETED, message="done", variables={"a": None}, result={"b": [1]}),
        {"task.status", "task.status_message", "variables", "result"},
    ),
]
"""Changes of a task, and the fields that each writes."""


@rule("STORE-37", facts=("keeps_unknown_fields",), since="1.2")
def one_write(trial: Trial) -> None:
    """change makes what decide returns of the task in one write, after one read or, of a task that
    is known, none, and leaves everything else as it was; where that is None, nothing is written.

    Why: A question and the status that goes with it, or a result and its message, are seen together
    or not at all. With two writes a client finds the one without the other, and a crash leaves it
    so.

    Mend: Merge all that the change names into the record that was read and write it by one
    put_if_version. Answer from the record written.
    """
    bench = StoreBench(trial)
    for name, store in bench.both():
        for number, (change, written) in enumerate(WRITTEN):
            expect_change(trial, bench, store, change, written, f"{number} by {name}")
        expect_no_read(trial, bench, store, f"known to {name}")
        expect_nothing_written(trial, bench, store, f"unchanged by {name}")


def expect_change(
    trial: Trial,
    bench: StoreBench,
    store: GenericTaskStore,
    change: TaskChange,
    written: set[str],
    task_id: str,
) -> None:
    """The change writes these fields of a task in one write and answers with what is stored."""
    before = seed_full_task(trial, task_id)
    key = before.owner_id, task_id
    shown: list[TaskRecord] = []

    def decide(task: TaskRecord) -> TaskChange:
        shown.append(task.model_copy())
        task.variables.clear()  # what it is shown is its own
        return change

    two = {"get": 1, "put_if_version": 1}
    made = expect_requests(bench, two, "change", lambda: store.change(*key, decide))
    expect_same("what decide is shown", [before], shown)
    expect_entry(store.get(*key), made.record, 2)
    after = fields_of(made.record)
    changed = {field for field, value in fields_of(before).items() if after[field] != value}
    expect_same(f"fields written by {change}", written, changed - {"task.last_updated_at"})


def expect_no_read(trial: Trial, bench: StoreBench, store: GenericTaskStore, task_id: str) -> None:
    """The change of a task that is known takes one request."""
    before = seed_full_task(trial, task_id)
    key = before.owner_id, task_id
    known, done = store.get(*key), TaskChange(message="done")
    one = {"put_if_version": 1}
    made = expect_requests(
        bench,
        one,
        "change of a known task",
        lambda: store.change(*key, lambda _: done, known=known),
    )
    expect_entry(store.get(*key), made.record, 2)
    expect_same(
        "message and variables",
        ("done", {"a": 0}),
        (made.record.task.status_message, made.record.variables),
    )


def expect_nothing_written(
    trial: Trial, bench: StoreBench, store: GenericTaskStore, task_id: str
) -> None:
    """Where decide wants nothing, the task is returned and stored as it was."""
    before = seed_full_task(trial, task_id)
    key = before.owner_id, task_id
    found = expect_requests(
        bench, {"get": 1}, "change of nothing", lambda: store.change(*key, lambda task: None)
    )
    expect_entry(found, before, 1)
    expect_entry(store.get(*key), before, 1)


def seed_full_task(trial: Trial, task_id: str) -> TaskRecord:
    """Write a working task, an hour old, with a value in each field, unknown ones included."""
    owner = trial.owner()
    fields = full_fields(trial, owner)
    created_at = fields["task"].created_at - HOUR
    changes = {"task_id": task_id, "status": WORKING, "created_at": created_at, "later": [1]}
    task = fields["task"].model_copy(update=changes)
    given = {**fields, "task": task, "variables": {"a": 0}, "newer": {"a": 1}}
    return trial.store_record(owner, task_id, **given)
