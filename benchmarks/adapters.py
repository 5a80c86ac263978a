"""AsyncTaskStore and `to_sync` beside the sync path, over a backend whose calls take 1 ms.

The backend is in memory and blocks for that millisecond on either side, so that the difference is
what the ways between threads and event loops cost. A turn is twenty calls, one after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import cycle
from typing import Any

from benchmarks.engines import Engines
from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Step, compare, make_record, result, take_turns
from pmcp_storage import (
    AsyncTaskStore,
    GenericTaskStore,
    InMemoryBackend,
    StorageBackend,
    StoreConfig,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
    to_sync,
)
from support.async_memory import AsyncMemory

CALLS = 20
LIMIT = Limit(1.3)
NO_QUOTA = StoreConfig(max_tasks_per_owner=None)
_TURN = (TaskStatus.INPUT_REQUIRED, TaskStatus.WORKING)


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    rounds = max(6, scale.rounds // 5)
    with asyncio.Runner() as runner:
        yield from _stores(runner, rounds)
    yield from _backends(rounds)


class Slow(InMemoryBackend):
    """One whose calls take 1 ms."""

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        time.sleep(0.001)
        return super()._get(owner_id, task_id)

    def _create(self, record: TaskRecord) -> int:
        time.sleep(0.001)
        return super()._create(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        time.sleep(0.001)
        return super()._put_if_version(record, expected_version)


class SlowAsync(AsyncMemory):
    """One whose coroutines take 1 ms and block, as only one of them runs at a time."""

    async def wait(self) -> None:
        time.sleep(0.001)


def _stores(runner: asyncio.Runner, rounds: int) -> Iterator[Result]:
    backend = Slow()
    sync_store, async_store = GenericTaskStore(backend, NO_QUOTA), AsyncTaskStore(backend, NO_QUOTA)
    task_ids = [sync_store.create("owner", "tools/call").record.task_id for _ in range(2)]
    call = ("owner", "tools/call")
    one, other = cycle(_TURN), cycle(_TURN)
    pairs: dict[str, tuple[Step, Callable[[], Coroutine[Any, Any, object]]]] = {
        "create": (lambda n: sync_store.create(*call), lambda: async_store.create(*call)),
        "get": (
            lambda n: sync_store.get("owner", task_ids[0]),
            lambda: async_store.get("owner", task_ids[1]),
        ),
        "update_status": (
            lambda n: sync_store.update_status("owner", task_ids[0], next(one)),
            lambda: async_store.update_status("owner", task_ids[1], next(other)),
        ),
    }

    async def await_all(begin: Callable[[], Coroutine[Any, Any, object]]) -> None:
        for _ in range(CALLS):
            await begin()

    for name, (step, begin) in pairs.items():
        steps: list[Step] = [
            lambda n, begin=begin: runner.run(await_all(begin)),  # type: ignore[misc]
            lambda n, step=step: [step(n) for _ in range(CALLS)],  # type: ignore[misc]
        ]
        awaited, blocking = take_turns(steps, rounds, CALLS)
        yield result((name, "AsyncTaskStore", "GenericTaskStore"), awaited, blocking, LIMIT)


def _backends(rounds: int) -> Iterator[Result]:
    def steps(backend: StorageBackend) -> dict[str, Step]:
        backend.create(record := make_record(0))
        return {
            "get": lambda n: backend.get("owner", record.task_id),
            "create": lambda n: backend.create(make_record(n + 1)),
        }

    with to_sync(SlowAsync()) as adapted:
        sides = {"to_sync": steps(adapted), "a sync backend": steps(Slow())}
        yield from compare(sides, {"a sync backend": LIMIT}, rounds, CALLS)
