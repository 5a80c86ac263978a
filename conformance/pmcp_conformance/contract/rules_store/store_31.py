"""STORE-31: the store for event loops, step by step beside the blocking one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench, store_config
from pmcp_conformance.contract.rules_store.support import COMPLETED, INPUT, expect_same
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    TaskBackendError,
    TaskError,
    VersionedRecord,
)

StoreCall = Callable[[Any, str], Any]

TASK_LIFE: list[tuple[str, StoreCall]] = [
    ("create", lambda store, owner: store.create(owner, "tools/call", task_id="b")),
    ("create", lambda store, owner: store.create(owner, "tools/call", task_id="a")),
    ("create again", lambda store, owner: store.create(owner, "tools/call", task_id="a")),
    ("update_status", lambda store, owner: store.update_status(owner, "a", INPUT, "name?")),
    ("a wrong status", lambda store, owner: store.update_status(owner, "a", INPUT)),
    ("set_variables", lambda store, owner: store.set_variables(owner, "a", {"x": [1], "y": None})),
    ("wrong variables", lambda store, owner: store.set_variables(owner, "a", {"x": {1}})),
    ("set_result", lambda store, owner: store.set_result(owner, "a", [0])),
    ("get_result", lambda store, owner: store.get_result(owner, "a")),
    ("complete", lambda store, owner: store.complete_with_result(owner, "a", COMPLETED, [1])),
    ("get_result", lambda store, owner: store.get_result(owner, "a")),
    ("cancel", lambda store, owner: store.cancel(owner, "b")),
    ("get", lambda store, owner: store.get(owner, "b")),
    ("get nothing", lambda store, owner: store.get(owner, "c")),
    ("list", lambda store, owner: store.list(owner, limit=1)),
    ("a wrong cursor", lambda store, owner: store.list(owner, cursor="made up")),
    ("delete", lambda store, owner: store.delete(owner, "b")),
    ("delete again", lambda store, owner: store.delete(owner, "b")),
    ("no owner", lambda store, owner: store.get("", "a")),
]
"""A task's life, in which most operations succeed and fail once."""


@rule("STORE-31")
def the_store_for_event_loops(trial: Trial) -> None:
    """AsyncTaskStore over the backend, in the threads of an event loop, gives the same answers as
    GenericTaskStore.

    Why: The same server code runs on an event loop and in threads. A handle that answers only one
    thread fails at random there, and different answers make one of the two wrong.

    Real bug: A queue of persist-queue on SQLite that was made in one thread and read in another
    failed: sqlite3 objects can be used only in the thread that created them.
    (https://github.com/peter-wangxu/persist-queue/issues/175)

    Mend: Open sqlite3 with check_same_thread=False under a lock of your own, or one connection for
    each thread; the calls come from a pool of threads. Keep the rules in one place that both stores
    call.
    """
    bench = StoreBench(trial)
    owner, async_owner = trial.owner(), trial.owner()
    store = trial.target.store_class(bench.backend, store_config())
    async_store = (trial.target.async_store_class or AsyncTaskStore)(bench.backend, store_config())

    async def live() -> list[object]:
        return [await awaited_outcome_of(call, async_store, async_owner) for _, call in TASK_LIFE]

    # First by the thread that stays: a handle that answers one thread only then refuses the loop's.
    expected = [outcome_of(call, store, owner) for _, call in TASK_LIFE]
    outcomes = asyncio.run(live())
    for (name, _), answer, outcome in zip(TASK_LIFE, expected, outcomes, strict=True):
        expect_same(f"{name} by AsyncTaskStore", answer, outcome)


def outcome_of(call: StoreCall, store: GenericTaskStore, owner: str) -> object:
    """What the call gives, in a form that can be compared; raises what the backend fails with."""
    try:
        return comparable(call(store, owner))
    except TaskBackendError:
        raise
    except TaskError as error:
        return type(error), error.code


async def awaited_outcome_of(call: StoreCall, store: AsyncTaskStore, owner: str) -> object:
    """The same of a call that is awaited."""
    try:
        return comparable(await call(store, owner))
    except TaskError as error:
        return type(error), error.code


def comparable(answer: Any) -> object:
    """An answer without what differs from run to run: owners, times and cursors."""
    if isinstance(answer, VersionedRecord):
        record = answer.record
        task = (record.task_id, record.status, record.task.status_message, record.task.ttl)
        return answer.version, task, record.variables, record.result
    if hasattr(answer, "next_cursor"):
        return [comparable(found) for found in answer.tasks], answer.next_cursor is None
    return answer
