"""STORE-45: what the texts of errors say of owners."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    CHANGES,
    FAILED,
    OWNER_CALLS,
    between_read_and_write,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_conformance.expectations import expect, expect_raises
from pmcp_storage import (
    AlreadyExistsError,
    ConcurrentModificationError,
    CorruptRecordError,
    GenericTaskStore,
    NotFoundError,
    OutcomeUnknownError,
    StorageError,
    TaskChange,
    TaskError,
)


@rule("STORE-45", since="1.2")
def errors_name_no_owner(trial: Trial) -> None:
    """The text of no TaskError names an owner.

    Why: A server answers with the text of the error. An owner's name is an account or an address of
    mail, which the client of a shared id, or the log of a proxy, has no business to know.

    Mend: Keep the owner in an attribute for the server's own logs, and leave it out of the text;
    give an error whose cause names it a text of its own.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    seed_task(trial, owner)
    seed_task(trial, owner, "ended", status=FAILED)
    for _, store in bench.both(max_tasks_per_owner=2):
        for call in refused_calls(trial, bench, store, owner):
            error = expect_raises(TaskError, call)
            expect(owner not in str(error), "an error that names no owner", f"{error!r}: {error}")
            bench.backend.failures.clear()


def refused_calls(
    trial: Trial, bench: StoreBench, store: GenericTaskStore, owner: str
) -> list[Callable[[], object]]:
    """Calls that the store refuses, or that fail."""
    roomy = bench.store(max_tasks_per_owner=9)

    def overtaken() -> object:
        between_read_and_write(bench, lambda: trial.backend.put(trial.record(owner)))
        return store.set_variables(owner, "task", {"a": 1})

    def failing(name: str, error: StorageError) -> object:
        bench.backend.failures = dict.fromkeys(("get", "put_if_version", "list_by_owner"), error)
        return OWNER_CALLS[name](store, owner, "task")

    storage_errors = [
        NotFoundError(owner, "task"),
        AlreadyExistsError(owner, "task"),
        ConcurrentModificationError(owner, "task", 1, 2),
        CorruptRecordError(owner, "task", "torn"),
        OutcomeUnknownError(f"no answer for {owner}"),
    ]
    return [
        lambda: store.create(owner, "tools/call"),
        lambda: bench.store(max_unfinished_per_owner=1).create(owner, "tools/call"),
        lambda: roomy.create(owner, "tools/call", task_id="task"),
        lambda: store.get("local", "task"),
        lambda: store.change(owner, "ended", lambda task: TaskChange(message="half")),
        overtaken,
        *(partial(call, store, owner, "absent") for call in CHANGES.values()),
        *(partial(OWNER_CALLS[name], store, owner, "absent") for name in ("get", "get_result")),
        *(partial(failing, name, error) for name in ("cancel", "list") for error in storage_errors),
    ]
