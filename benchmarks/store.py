"""What the task store costs over its backend, in memory.

Each method of the store stands beside the same requests to the backend alone, without any rule;
where the caller hands in 2 KB of variables, both validate them. What counts is processor time,
since neither of them waits: at most 100 microseconds a call more for a record of 2 KB, in the turn
of each that took least. The requests that the store sends for a call are counted as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, cycle

from benchmarks.engines import Engines
from benchmarks.results import Limit, Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Step, result, take_turns
from pmcp_storage import (
    GenericTaskStore,
    InMemoryBackend,
    StoreConfig,
    Task,
    TaskChange,
    TaskRecord,
    TaskStatus,
    VersionedRecord,
)

CALLS = 30
LIMIT = Limit(100, of="added")
VARIABLES = {f"step {n}": {"state": "done", "code": n, "note": "x" * 150} for n in range(8)}

Call = Callable[[], object]
Pair = tuple[Call, Call]


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    counting = Counting()
    for name, (backend, store) in _pairs(counting).items():
        requests = counting.requests_of(store)
        ours, alone = take_turns([_turn(store), _turn(backend)], scale.rounds // 5, CALLS)
        measured = result((name, "GenericTaskStore", "backend alone"), ours, alone, LIMIT)
        yield replace(measured, counted={"requests": requests})


def _turn(call: Call) -> Step:
    def call_all(_: int) -> None:
        for _ in range(CALLS):
            call()

    return call_all


class Counting(InMemoryBackend):
    """Counts the requests that it gets."""

    requests = 0

    def requests_of(self, call: Callable[[], object]) -> int:
        """How many requests a call sends."""
        before = self.requests
        call()
        return self.requests - before

    def _get(self, owner_id: str, task_id: str) -> VersionedRecord:
        self.requests += 1
        return super()._get(owner_id, task_id)

    def _create(self, record: TaskRecord) -> int:
        self.requests += 1
        return super()._create(record)

    def _put_if_version(self, record: TaskRecord, expected_version: int) -> int:
        self.requests += 1
        return super()._put_if_version(record, expected_version)

    def _list_by_owner(
        self, owner_id: str, *, limit: int, after: str | None
    ) -> list[VersionedRecord]:
        self.requests += 1
        return super()._list_by_owner(owner_id, limit=limit, after=after)


def _pairs(backend: InMemoryBackend) -> dict[str, Pair]:
    fresh = count()
    store = GenericTaskStore(backend, StoreConfig(max_tasks_per_owner=None))
    quota = GenericTaskStore(backend, StoreConfig.for_tool_calls())
    plain, ruled, ended = ("owner", "plain"), ("owner", "ruled"), ("owner", "ended")
    for owner_id, task_id in (plain, ruled, ended):
        store.create(owner_id, "tools/call", task_id=task_id, variables=VARIABLES)
    store.complete_with_result(*ended, TaskStatus.COMPLETED, {"content": "done"})
    asked, done = TaskChange(variables=VARIABLES, message="?"), TaskChange(message="soon")
    held = [store.create("holder", "tools/call", variables=VARIABLES) for _ in range(2)]
    turn = cycle((TaskStatus.INPUT_REQUIRED, TaskStatus.WORKING))

    def change() -> object:
        found = backend.get(*plain)
        return backend.put_if_version(found.record, found.version)

    def change_all() -> object:
        found = backend.get(*plain)
        record = found.record.model_copy(update={"variables": VARIABLES})
        return backend.put_if_version(record, found.version)

    def change_held() -> object:
        version = backend.put_if_version(held[0].record, held[0].version)
        held[0] = VersionedRecord(held[0].record, version)
        return version

    def store_held() -> object:
        task_id = held[1].record.task_id
        held[1] = store.change("holder", task_id, lambda _: done, known=held[1])
        return held[1]

    def create_counted() -> object:
        owner_id = f"plain {next(fresh)}"
        backend.list_by_owner(owner_id, limit=256)
        return backend.create(_record("task", owner_id))

    return {
        "get": (lambda: backend.get(*plain), lambda: store.get(*ruled)),
        "get_result": (lambda: backend.get(*ended), lambda: store.get_result(*ended)),
        "create": (
            lambda: backend.create(_record(f"task {next(fresh)}")),
            lambda: store.create("other", "tools/call", variables=VARIABLES),
        ),
        "create, under quotas": (
            create_counted,
            lambda: quota.create(f"ruled {next(fresh)}", "tools/call", variables=VARIABLES),
        ),
        "update_status": (change, lambda: store.update_status(*ruled, next(turn))),
        "update_status, with a message": (
            change,
            lambda: store.update_status(*ruled, next(turn), "soon"),
        ),
        "set_variables, one": (change, lambda: store.set_variables(*ruled, {"step 0": 7})),
        "set_variables, 2 KB": (change_all, lambda: store.set_variables(*ruled, VARIABLES)),
        "change": (change, lambda: store.change(*ruled, lambda _: done)),
        "change, 2 KB of variables": (change_all, lambda: store.change(*ruled, lambda _: asked)),
        "change of nothing": (
            lambda: backend.get(*plain),
            lambda: store.change(*ruled, lambda _: None),
        ),
        "change of a known task": (change_held, store_held),
        "report_progress": (change, lambda: store.report_progress(*ruled, "soon")),
        "set_result": (change, lambda: store.set_result(*ruled, {"content": "done"})),
    }


def _record(task_id: str, owner_id: str = "owner") -> TaskRecord:
    now = datetime.now(UTC)
    task = Task(
        task_id=task_id,
        status=TaskStatus.WORKING,
        created_at=now,
        last_updated_at=now,
        ttl=60_000,
        poll_interval=500,
    )
    return TaskRecord(
        task=task,
        owner_id=owner_id,
        variables=VARIABLES,
        request_method="tools/call",
        expires_at=now + timedelta(minutes=1),
    )
