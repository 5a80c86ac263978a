"""STORE-31: the store for event loops."""

from __future__ import annotations

import asyncio

from pmcp_conformance.catalogue import rule
from pmcp_conformance.contract.rules_store.bench import StoreBench
from pmcp_conformance.contract.rules_store.support import (
    COMPLETED,
    INPUT,
    Step,
    essence,
    expect_same,
    told,
)
from pmcp_conformance.engine.trial import Trial
from pmcp_storage import (
    AsyncTaskStore,
    StoreConfig,
    TaskError,
)

LIFE: list[tuple[str, Step]] = [
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
    """
    bench = StoreBench(trial)
    blocking, awaited = trial.owner(), trial.owner()
    store = bench.store()
    waiting = AsyncTaskStore(bench.backend, StoreConfig(max_tasks_per_owner=None))

    async def live() -> list[object]:
        return [await async_told(call, waiting, awaited) for _, call in LIFE]

    others = asyncio.run(live())
    for (name, call), other in zip(LIFE, others, strict=True):
        expect_same(f"{name} by AsyncTaskStore", told(call, store, blocking), other)


async def async_told(call: Step, store: AsyncTaskStore, owner: str) -> object:
    try:
        return essence(await call(store, owner))
    except TaskError as error:
        return type(error), error.code
