"""What the benchmarks of the backends share: their records, and a table of medians.

A side is a dict of steps: a step is called with the number of the round. All sides have the same
steps and take turns at them, so that whatever slows the machine or its disk slows all of them.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pmcp_storage import StorageBackend, Task, TaskRecord, TaskStatus

ROUNDS = 400
NOW = datetime.now(UTC)
EXPIRES_AT = NOW + timedelta(hours=1)

Step = Callable[[int], object]
Side = Mapping[str, Step]


def make_record(number: int, owner_id: str = "owner") -> TaskRecord:
    """A record of some 2 KB of JSON; ids in the order of their numbers, as UUIDv7 are."""
    task = Task(
        task_id=f"019a0000-0000-7000-8000-{number:012d}",
        status=TaskStatus.WORKING,
        created_at=NOW,
        last_updated_at=NOW,
        ttl=60_000,
    )
    variables = {f"step_{n}": {"name": f"step {n}", "note": "x" * 60} for n in range(16)}
    return TaskRecord(
        task=task,
        owner_id=owner_id,
        request_method="tools/call",
        variables=variables,
        expires_at=EXPIRES_AT,
    )


def backend_steps(backend: StorageBackend, records: Sequence[TaskRecord]) -> Side:
    """The operations of a backend, in an order in which each of them succeeds."""
    return {
        "create": lambda n: backend.create(records[n]),
        "get": lambda n: backend.get("owner", records[n].task_id),
        "put_if_version": lambda n: backend.put_if_version(records[n], 1),
        "page of 50": lambda n: backend.list_by_owner("owner", limit=50),
        "delete": lambda n: backend.delete("owner", records[n].task_id),
    }


def print_table(backend: Side, bare: Side, with_json: Side) -> None:
    """Print the medians of each step on the three sides, in microseconds."""
    print(f"{'':16}{'backend':>9}{'bare':>9}{'ratio':>7}{'bare + JSON':>13}{'ratio':>7}")
    for name in backend:
        ours, plain, coded = take_turns([backend[name], bare[name], with_json[name]])
        print(
            f"{name:16}{ours:9.1f}{plain:9.1f}{ours / plain:7.2f}{coded:13.1f}{ours / coded:7.2f}"
        )


def take_turns(steps: Sequence[Step]) -> list[float]:
    """The median microseconds of each step, over ROUNDS rounds in changing order."""
    times: list[list[float]] = [[] for _ in steps]
    orders = itertools.cycle(itertools.permutations(range(len(steps))))
    for number, order in zip(range(ROUNDS), orders, strict=False):
        for index in order:
            start = time.perf_counter()
            steps[index](number)
            times[index].append((time.perf_counter() - start) * 1e6)
    return [statistics.median(each) for each in times]
