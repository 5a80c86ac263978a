"""Sides that take turns at the same work, so that what slows the machine slows all of them.

A side is a dict of steps: a step is called with the number of the round, and all sides have the
same steps. The first of several sides is ours; the others stand beside it.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from benchmarks.results import Cost, Limit, Ratio, Result
from pmcp_storage import StorageBackend, Task, TaskRecord, TaskStatus

NOW = datetime.now(UTC)
EXPIRES_AT = NOW + timedelta(hours=12)
STRETCHES = 10
FEWEST = 4
"""The rounds that a limit of time does not take away."""


class Sample(NamedTuple):
    """Microseconds on the wall and of processor time; of this process, all its threads included."""

    wall: float
    processor: float


Step = Callable[[int], object]
"""One that returns a Sample has measured itself."""

Side = Mapping[str, Step]


def make_record(number: int, owner_id: str = "owner", note: int = 60) -> TaskRecord:
    """A record of some 2 KB of JSON; ids in the order of their numbers, as UUIDv7 are."""
    task = Task(
        task_id=f"019a0000-0000-7000-8000-{number:012d}",
        status=TaskStatus.WORKING,
        created_at=NOW,
        last_updated_at=NOW,
        ttl=60_000,
    )
    variables = {f"step_{n}": {"name": f"step {n}", "note": "x" * note} for n in range(16)}
    return TaskRecord(
        task=task,
        owner_id=owner_id,
        request_method="tools/call",
        variables=variables,
        expires_at=EXPIRES_AT,
    )


def backend_steps(backend: StorageBackend, records: Sequence[TaskRecord]) -> dict[str, Step]:
    """The operations of a backend, in an order in which each of them succeeds."""
    return {
        "create": lambda n: backend.create(records[n]),
        "get": lambda n: backend.get("owner", records[n].task_id),
        "put_if_version": lambda n: backend.put_if_version(records[n], 1),
        "put": lambda n: backend.put(records[n]),
        "page of 50": lambda n: backend.list_by_owner("owner", limit=50),
        "delete": lambda n: backend.delete("owner", records[n].task_id),
    }


def compare(
    sides: Mapping[str, Side], limits: Mapping[str, Limit], rounds: int, calls: int = 1
) -> Iterator[Result]:
    """Each step of the first side beside those of the others; `limits` are by the other's name.

    A turn is so many `calls`, as the clocks are too coarse for a call of some microseconds.
    """
    ours, *others = sides
    for operation in sides[ours]:
        steps = [sides[name][operation] for name in (ours, *others) if operation in sides[name]]
        samples = take_turns([repeated(step, calls) for step in steps], rounds, calls)
        named = [name for name in others if operation in sides[name]]
        for name, beside in zip(named, samples[1:], strict=True):
            yield result((operation, ours, name), samples[0], beside, limits.get(name))


def take_turns(
    steps: Sequence[Step], rounds: int, operations: int = 1, seconds: float | None = None
) -> list[list[Sample]]:
    """The samples of each step, an operation each, over the rounds in changing order.

    `operations` is how many a call of a step carries out; no round begins after `seconds`, but for
    the first few.
    """
    samples: list[list[Sample]] = [[] for _ in steps]
    orders = itertools.cycle(itertools.permutations(range(len(steps))))
    if len(steps) > 4:  # there are too many permutations
        orders = itertools.cycle(_rotations(len(steps)))
    end = time.monotonic() + seconds if seconds is not None else float("inf")
    for number in range(rounds):
        if number >= FEWEST and time.monotonic() > end:
            break
        for index in next(orders):
            wall, processor = timed(steps[index], number)
            samples[index].append(Sample(wall / operations, processor / operations))
    return samples


def _rotations(count: int) -> list[tuple[int, ...]]:
    forward = [tuple((at + start) % count for at in range(count)) for start in range(count)]
    return [order for each in forward for order in (each, each[::-1])]


def timed(step: Step, number: int = 0) -> Sample:
    """What a call of the step takes."""
    wall, processor = time.perf_counter(), time.process_time()
    answer = step(number)
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    return answer if isinstance(answer, Sample) else Sample(wall * 1e6, processor * 1e6)


def repeated(step: Step, calls: int) -> Step:
    """So many calls of the step in one, each with a number of its own."""
    if calls == 1:
        return step

    def call_all(number: int) -> None:
        for each in range(number * calls, (number + 1) * calls):
            step(each)

    return call_all


def at_once(step: Step, workers: int, calls: int) -> Step:
    """The step called by so many threads at once, `calls` times by each with its own number."""

    def work(worker: int) -> None:
        for _ in range(calls):
            step(worker)

    def call_all(_: int) -> Sample:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda _: time.sleep(0.001), range(workers)))  # all threads are there
            return timed(lambda _: list(pool.map(work, range(workers))))

    return call_all


def result(
    names: tuple[str, str, str],
    ours: Sequence[Sample],
    beside: Sequence[Sample],
    limit: Limit | None = None,
) -> Result:
    """The result of an operation on our side and another, whose names these are."""
    operation, side, other = names
    walls = [[sample.wall for sample in side] for side in (ours, beside)]
    processors = [[sample.processor for sample in side] for side in (ours, beside)]
    costs = [
        Cost(statistics.median(wall), statistics.median(processor), min(processor))
        for wall, processor in zip(walls, processors, strict=True)
    ]
    return Result(
        operation,
        side,
        other,
        costs[0],
        costs[1],
        wall=_ratio(*walls),
        processor=_ratio(*processors),
        limit=limit,
    )


def _ratio(ours: list[float], beside: list[float]) -> Ratio:
    """By stretches, because a machine's other work changes during a run."""
    length = max(1, len(ours) // STRETCHES)
    each = [
        statistics.median(ours[start : start + length])
        / max(statistics.median(beside[start : start + length]), 1e-9)
        for start in range(0, len(ours) - length + 1, length)
    ]
    low, middle, high = statistics.quantiles(each, n=4) if len(each) > 1 else each * 3
    return Ratio(middle, low, high)
