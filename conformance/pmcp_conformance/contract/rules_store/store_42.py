"""STORE-42: the progress of a task that works."""

from __future__ import annotations

from functools import partial
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    ENDED,
    INPUT,
    WORKING,
    between_read_and_write,
    expect_requests,
    expect_same,
    fields_of,
    seed_task,
)
from pmcp_conformance.contract.support import HOUR, full_fields
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect_entry, expect_raises, expect_unchanged
from pmcp_storage import (
    GenericTaskStore,
    InvalidArgumentError,
    TaskEndedError,
    TaskStatus,
    VersionedRecord,
)


@rule("STORE-42", facts=("keeps_unknown_fields",), since="1.2")
def progress(trial: Trial) -> None:
    """report_progress sets the message of a task that has not ended and keeps everything else, also
    what others write meanwhile, in two requests; a task that has ended is left as it is.

    Why: Progress is written often and beside everything else that happens to a task. A report that
    moves the status back, or drops an answer that came in meanwhile, breaks a task that went well.

    Mend: Make it a change of the message alone, decided anew after a conflict.
    """
    bench = StoreBench(trial)
    for name, store in bench.both():
        for status in (WORKING, INPUT):
            expect_progress(trial, bench, store, status, f"{status} by {name}")
        expect_others_kept(trial, bench, store)
        for status in ENDED:
            ended = seed_task(trial, trial.owner(), status=status, result=1)
            report = partial(store.report_progress, ended.owner_id, "task", "half")
            expect_unchanged(trial, ended, 1, partial(expect_raises, TaskEndedError, report))
        impossible: list[Any] = [None, 1, "\ud800"]
        for message in impossible:
            report = partial(store.report_progress, "o", "t", message)
            refused = partial(expect_raises, InvalidArgumentError, report)
            expect_requests(bench, {}, "report_progress", refused)


def expect_progress(
    trial: Trial, bench: StoreBench, store: GenericTaskStore, status: TaskStatus, task_id: str
) -> None:
    """The message is set, and the time of the change, and nothing else."""
    owner = trial.owner()
    fields = full_fields(trial, owner)
    created_at = fields["task"].created_at - HOUR
    changes = {"task_id": task_id, "status": status, "created_at": created_at}
    task = fields["task"].model_copy(update=changes)
    before = trial.store_record(owner, task_id, **{**fields, "task": task, "newer": [1]})
    for version, message in enumerate(("half", "half", ""), 2):
        made: VersionedRecord = expect_requests(
            bench,
            {"get": 1, "put_if_version": 1},
            "report_progress",
            partial(store.report_progress, owner, task_id, message),
        )
        expect_same(
            "version and message",
            (version, message),
            (made.version, made.record.task.status_message),
        )
        expect_entry(store.get(owner, task_id), made.record, version)
    after = fields_of(made.record)
    changed = {field for field, value in fields_of(before).items() if after[field] != value}
    expect_same("fields written", {"task.status_message", "task.last_updated_at"}, changed)


def expect_others_kept(trial: Trial, bench: StoreBench, store: GenericTaskStore) -> None:
    """What another writes between read and write is kept, and so is the progress."""
    owner, other = trial.owner(), bench.store()
    seed_task(trial, owner, variables={})
    between_read_and_write(bench, lambda: other.set_variables(owner, "task", {"answer": 1}))
    made = store.report_progress(owner, "task", "half")
    observed = (made.record.task.status_message, made.record.variables)
    expect_same("message and variables", ("half", {"answer": 1}), observed)
