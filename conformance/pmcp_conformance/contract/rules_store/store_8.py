"""STORE-8: what a change of status does to the message and to everything else."""

from __future__ import annotations

from collections.abc import Callable

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    FAILED,
    INPUT,
    WORKING,
    expect_same,
    seed_task,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import GenericTaskStore


@rule("STORE-8")
def messages(trial: Trial) -> None:
    """A change of status takes the message that comes with it and otherwise keeps the old one, as
    it keeps everything else.

    Why: The message is what users see while they wait. If a change clears or ignores it, they see
    nothing, or 'Starting …' on a task that ended long ago.

    Real bug: In the Apify MCP server completed tasks still showed messages such as 'Starting the
    crawler.', since the SDK's storeTaskResult takes no status message.
    (https://github.com/apify/apify-mcp-server/pull/680)

    Mend: Test `message is None` rather than its truth, so that "" replaces too. Change only status,
    message and last_updated_at of the record read, and copy all the rest.
    """
    bench = StoreBench(trial)
    owner = trial.owner()
    store = bench.store()
    before = seed_task(trial, owner, variables={"a": [1]}, result=["early"])
    steps = [(INPUT, "your name?", "your name?"), (WORKING, None, "your name?"), (INPUT, "", "")]
    for status, message, expected in steps:
        store.update_status(owner, "task", status, message)
        after = store.get(owner, "task").record
        expect_same("message", expected, after.task.status_message)
    store.cancel(owner, "task")
    after = store.get(owner, "task").record
    expect_same("message after cancel", "", after.task.status_message)
    kept = (before.variables, before.result, before.request_method, before.expires_at)
    found = (after.variables, after.result, after.request_method, after.expires_at)
    expect_same("variables, result, method and expiry", kept, found)
    expect_last_words_kept(trial, store)


def expect_last_words_kept(trial: Trial, store: GenericTaskStore) -> None:
    """A task that ends without a message keeps the one before, whichever way it ends."""
    owner = trial.owner()
    ends: dict[str, Callable[[str], object]] = {
        "failed": lambda task: store.update_status(owner, task, FAILED),
        "with a result": lambda task: store.complete_with_result(owner, task, COMPLETED, "done"),
    }
    for task_id, end in ends.items():
        seed_task(trial, owner, task_id)
        store.update_status(owner, task_id, INPUT, "your name?")
        end(task_id)
        after = store.get(owner, task_id).record
        expect_same(f"message of {task_id!r}", "your name?", after.task.status_message)
