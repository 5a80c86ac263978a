"""What the task store costs over its backend: `python benchmarks/store.py`.

Each method of the store runs side by side with the same requests to the backend alone, without
any rule; where the caller hands in 2 KB of variables, both validate them. Both take short turns
within one process, so that whatever slows the machine slows both; the median turn counts, in
CPU time, since neither of them waits. The requests that the store sends for a call are counted as
well. The limit is 100 microseconds a call for a record of 2 KB;
over it, the exit status is 1.
"""

from __future__ import annotations

import gc
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from statistics import median
from time import thread_time

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

TURNS = 60
CALLS = 30
LIMIT_MICROSECONDS = 100
VARIABLES = {f"step {n}": {"state": "done", "code": n, "note": "x" * 150} for n in range(8)}

Pair = tuple[Callable[[], object], Callable[[], object]]


def main() -> int:
    """Measure, print a table, and return 1 if the limit is exceeded, else 0."""
    size = len(_record("task").to_json().encode())
    print(f"Python {platform.python_version()}, record of {size} bytes, CPU microseconds a call")
    print(f"{'method':24}{'requests':>9}{'backend':>9}{'store':>9}{'difference':>12}{'ratio':>7}")
    most, counting = 0.0, Counting()
    for name, (backend, store) in _pairs(counting).items():
        requests = counting.requests_of(store)
        below, above = _side_by_side(backend, store)
        most = max(most, above - below)
        figures = f"{below:9.1f}{above:9.1f}{above - below:12.1f}{above / below:7.2f}"
        print(f"{name:24}{requests:9}{figures}")
    print(f"limit: {LIMIT_MICROSECONDS} microseconds, most: {most:.1f}")
    return int(most > LIMIT_MICROSECONDS)


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
        "  under quotas": (
            create_counted,
            lambda: quota.create(f"ruled {next(fresh)}", "tools/call", variables=VARIABLES),
        ),
        "update_status": (change, lambda: store.update_status(*ruled, next(turn))),
        "  with a message": (change, lambda: store.update_status(*ruled, next(turn), "soon")),
        "set_variables, one": (change, lambda: store.set_variables(*ruled, {"step 0": 7})),
        "  2 KB of them": (change_all, lambda: store.set_variables(*ruled, VARIABLES)),
        "change": (change, lambda: store.change(*ruled, lambda _: done)),
        "  2 KB of variables": (change_all, lambda: store.change(*ruled, lambda _: asked)),
        "  of nothing": (lambda: backend.get(*plain), lambda: store.change(*ruled, lambda _: None)),
        "  of a known task": (change_held, store_held),
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


def _side_by_side(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    turns = [(_turn(one), _turn(other)) for _ in range(TURNS)]
    return median(first for first, _ in turns), median(second for _, second in turns)


def _turn(call: Callable[[], object]) -> float:
    start = thread_time()
    for _ in range(CALLS):
        call()
    return (thread_time() - start) / CALLS * 1e6


if __name__ == "__main__":
    gc.freeze()
    sys.exit(main())
