"""What an operation costs as a storage grows.

What grows: an owner's tasks, the owners, the size of a record, the workers on one handle. Each
curve compares its points with its first one; they take turns. `list 50` begins in the middle of an
owner's tasks, so that 5 of 10 are listed. `create under a quota` counts the owner's tasks first, up
to a quota that is one more than there are; what it creates is deleted again, which is not measured.
`cleanup` finds nothing that has expired. Workers are threads: the time is that of 64 operations of
all of them together, divided by 64. DynamoDB Local is not AWS: its curves say what more requests
and items cost, and nothing about AWS's times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.engines import Engines
from benchmarks.results import Result
from benchmarks.scale import Scale
from benchmarks.side_by_side import Sample, Step, at_once, make_record, result, take_turns, timed
from benchmarks.storages import STORAGES, Storage
from pmcp_storage import GenericTaskStore, StorageBackend, StoreConfig

ROUNDS = 60
"""Turns of each point, at most."""

TOGETHER = 64
"""The operations of all workers in a turn."""

MOST_COUNTED = 10_000
"""The tasks that a quota lets an owner have, at most."""


@dataclass(frozen=True)
class Curve:
    """One operation at several sizes of the axis."""

    name: str
    operation: str
    axis: str

    def measured(
        self, steps: Mapping[int, Step], seconds: float, operations: int = 1
    ) -> Iterator[Result]:
        """Its points, by size; a call of a step carries out so many `operations`."""
        samples = take_turns(list(steps.values()), ROUNDS, operations, seconds)
        for size, side in zip(steps, samples, strict=True):
            names = (self.operation, self.name, f"at {next(iter(steps)):,}")
            yield replace(result(names, side, samples[0]), axis=self.axis, at=size)


def run(engines: Engines, scale: Scale) -> Iterator[Result | str]:
    for name, kind in STORAGES.items():
        storage: Storage = kind(engines)
        most = scale.most_of_dynamodb if name == "DynamoDB" else max(scale.sizes)
        sizes = [size for size in scale.sizes if size <= most]
        yield from _tasks(name, storage, sizes, scale)
        yield from _owners(name, storage, sizes, scale)
        yield from _bytes(name, storage, scale)
        yield from _workers(name, storage, scale)


def _tasks(name: str, storage: Storage, sizes: Sequence[int], scale: Scale) -> Iterator[Result]:
    with storage.open(0) as backend:
        for size in sizes:
            storage.fill(0, (make_record(number, f"of {size}") for number in range(size)))
        operations: dict[str, Callable[[int], Step]] = {
            "get": lambda size: _get(backend, f"of {size}", size // 2),
            "list 50": lambda size: _page(backend, f"of {size}", size // 2),
            "create": lambda size: _create(backend, f"of {size}", size),
            "create under a quota": lambda size: _create_counted(backend, f"of {size}", size),
        }
        for operation, made in operations.items():
            curve = Curve(name, operation, "tasks of the owner")
            most = MOST_COUNTED if operation == "create under a quota" else max(sizes)
            steps = {size: made(size) for size in sizes if size <= most}
            yield from curve.measured(steps, scale.seconds)


def _owners(name: str, storage: Storage, sizes: Sequence[int], scale: Scale) -> Iterator[Result]:
    backends: dict[int, StorageBackend] = {}
    for space, size in enumerate(sizes, 1):
        backends[size] = storage.open(space)
        storage.fill(space, (make_record(0, f"owner {number}") for number in range(size)))
    operations: dict[str, Callable[[int], Step]] = {
        "get": lambda size: _get(backends[size], f"owner {size // 2}", 0),
        "create": lambda size: _create(backends[size], f"owner {size // 2}", 1),
        "list 50": lambda size: lambda n: backends[size].list_by_owner(f"owner {size // 2}"),
    }
    if not storage.removes_by_itself:
        operations["cleanup"] = lambda size: lambda n: backends[size].cleanup_expired()
    for operation, made in operations.items():
        curve = Curve(name, operation, "owners")
        yield from curve.measured({size: made(size) for size in sizes}, scale.seconds)
    for backend in backends.values():
        backend.close()


def _bytes(name: str, storage: Storage, scale: Scale) -> Iterator[Result]:
    with storage.open(0) as backend:
        records = {
            size: make_record(size, "by size", size * 1000 // 17) for size in scale.kilobytes
        }
        for record in records.values():
            backend.create(record)
        operations: dict[str, Callable[[int], Step]] = {
            "get": lambda size: lambda n: backend.get("by size", records[size].task_id),
            "put": lambda size: lambda n: backend.put(records[size]),
        }
        for operation, made in operations.items():
            curve = Curve(name, operation, "KB of the record")
            yield from curve.measured({size: made(size) for size in records}, scale.seconds)


def _workers(name: str, storage: Storage, scale: Scale) -> Iterator[Result]:
    with storage.open(0) as backend:
        records = [make_record(number, "workers") for number in range(max(scale.workers))]
        for record in records:
            backend.create(record)
        operations: dict[str, Step] = {
            "get": lambda n: backend.get("workers", records[n].task_id),
            "put": lambda n: backend.put(records[n]),
        }
        for operation, step in operations.items():
            curve = Curve(name, operation, "workers")
            steps = {size: at_once(step, size, TOGETHER // size) for size in scale.workers}
            yield from curve.measured(steps, scale.seconds, TOGETHER)


def _get(backend: StorageBackend, owner_id: str, number: int) -> Step:
    task_id = make_record(number).task_id
    return lambda n: backend.get(owner_id, task_id)


def _page(backend: StorageBackend, owner_id: str, number: int) -> Step:
    after = make_record(number).task_id
    return lambda n: backend.list_by_owner(owner_id, limit=50, after=after)


def _create(backend: StorageBackend, owner_id: str, number: int) -> Step:
    record = make_record(number, owner_id)

    def create(_: int) -> Sample:
        sample = timed(lambda _: backend.create(record))
        backend.delete(owner_id, record.task_id)
        return sample

    return create


def _create_counted(backend: StorageBackend, owner_id: str, tasks: int) -> Step:
    config = StoreConfig(max_tasks_per_owner=tasks + 1)
    store = GenericTaskStore(backend, config)
    variables = make_record(0).variables

    def create(n: int) -> Sample:
        task_id = f"new-{n}"
        sample = timed(
            lambda _: store.create(owner_id, "tools/call", task_id=task_id, variables=variables)
        )
        backend.delete(owner_id, task_id)
        return sample

    return create
